"""Names learned from a real resolver: unbound, which reports to a real daemon what it answers."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import pytest

from tests.netns.test_daemon_victims import CLIENTS
from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns
from tests.support.unbound import Unbound

VIP = "192.0.2.10"
SHOP, OTHER, ALIAS = "shop.example.com", "other.example.com", "www.example.com"
ZONE = f"shop 1 A {VIP}\nother A 192.0.2.99\nwww 1 CNAME shop"
ALT = 8080


class Scene:
    """unbound in front of Knot, and a daemon with no name in its configuration."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.runtime = Path(tempfile.mkdtemp(prefix="lowatch-"))  # a short path, as a socket needs

    @contextmanager
    def resolver(self, knot: Knot) -> Iterator[Unbound]:
        lines = (
            "dnstap:",
            "    dnstap-enable: yes",
            f'    dnstap-socket-path: "{self.runtime}/dnstap.sock"',
            "    dnstap-log-client-response-messages: yes",
        )
        with Unbound(knot.nameserver, options="\n".join(lines)) as unbound:
            yield unbound

    def daemon(self, knot: Knot, names: str = "", top: str = 'hold = "0s"') -> Daemon:
        return Daemon(
            self._directory,
            configuration(knot, top, dns='min_ttl = "1s"', tables=f'[names]\nlearn = ["dnstap"]\n{names}'),
            state=not (self._directory / "state").exists(),
            prefix=["env", f"RUNTIME_DIRECTORY={self.runtime}"],
        )


def look_up(unbound: Unbound, *names: str) -> None:
    for name in names:
        query = dns.message.make_query(name, "A")
        dns.query.udp(query, unbound.plain.host, timeout=30, port=unbound.plain.port)


def learned(daemon: Daemon) -> dict[str, Any]:
    return {row["name"]: row["source"] for row in daemon.audit()["names"]}


@pytest.fixture
def scene(netns: Netns, tmp_path: Path) -> Iterator[Scene]:
    netns.ip(f"addr add {VIP}/32 dev lo")
    found = Scene(tmp_path)
    yield found
    shutil.rmtree(found.runtime)


def test_a_name_that_was_looked_up_is_an_orphan_once_its_clients_are_refused(scene: Scene) -> None:
    with Knot({"example.com": ZONE}) as knot, scene.daemon(knot) as daemon, scene.resolver(knot) as unbound:
        daemon.until(lambda: _looked_up(daemon, unbound, SHOP, OTHER, ALIAS))
        assert learned(daemon) == {SHOP: "dnstap", ALIAS: "dnstap"}
        daemon.until(lambda: len(daemon.findings("orphan-vip")) == 4)
        assert {row["severity"] for row in daemon.findings("orphan-vip")} == {"info"}
        assert daemon.orphans() == {}, "what is guessed is no series"
        CLIENTS["python, in a hurry"].run(VIP, ALT, 3)
        daemon.until(lambda: daemon.orphan(SHOP, port=ALT) == 1)
        daemon.until(lambda: len(daemon.findings("orphan-vip")) == 2)
        found = {(row["domain"], row["port"], row["severity"]) for row in daemon.findings("orphan-vip")}
        assert found == {(name, ALT, "critical") for name in (SHOP, ALIAS)}
        assert {row["refused"]["count"] for row in daemon.findings("orphan-vip")} == {3}
        assert daemon.findings("refused-vip") == []


def _looked_up(daemon: Daemon, unbound: Unbound, *names: str) -> bool:
    """unbound connects again a second after it found nobody: until then it is asked again."""
    look_up(unbound, *names)
    return SHOP in learned(daemon) and (ALIAS in learned(daemon)) is (ALIAS in names)


def test_names_survive_a_restart(scene: Scene) -> None:
    with Knot({"example.com": ZONE}) as knot, scene.resolver(knot) as unbound:
        daemon = scene.daemon(knot)
        with daemon:
            daemon.until(lambda: _looked_up(daemon, unbound, SHOP))
        with daemon:
            assert learned(daemon) == {SHOP: "dnstap"}


def test_what_lowatch_itself_asks_the_resolver_for_keeps_no_name_alive(scene: Scene, netns: Netns) -> None:
    with Knot({"example.com": ZONE}) as knot, scene.resolver(knot) as unbound:
        daemon = scene.daemon(knot, 'forget_after = "6s"')
        daemon.configure(daemon.file.read_text().replace(str(knot.nameserver), str(unbound.nameserver)))
        with daemon:
            daemon.until(lambda: _looked_up(daemon, unbound, SHOP))

            def is_forgotten() -> bool:
                """At an audit, which this causes."""
                netns.ip("addr add 198.51.100.1/32 dev lo")
                netns.ip("addr del 198.51.100.1/32 dev lo")
                return learned(daemon) == {}

            daemon.until(is_forgotten)


def test_a_liar_at_the_socket_makes_nothing_worse(scene: Scene) -> None:
    """What it says leads here is asked of DNS, and noise ends its connection."""
    noise = f"""
import socket
for octets in (b"GET / HTTP/1.1\\r\\n\\r\\n", bytes(1_000_000), b"\\xff" * 1_000_000):
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect("{scene.runtime}/dnstap.sock")
        try:
            peer.sendall(octets)
            peer.recv(1)
        except OSError:
            pass
"""
    with Knot({"example.com": ZONE}) as knot, scene.daemon(knot) as daemon:
        subprocess.run([sys.executable, "-S", "-c", noise], check=True, timeout=60)
        with scene.resolver(knot) as unbound:
            daemon.until(lambda: _looked_up(daemon, unbound, SHOP))
