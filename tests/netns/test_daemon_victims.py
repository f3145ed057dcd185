"""Failed local clients, as a daemon shows and announces them; test_daemon_clients.py has each program."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.netns.clients import CLIENTS, PORT, VIP, VIP6, count, until_reported
from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns

REFUSED = 100


@pytest.fixture
def daemon(netns: Netns, tmp_path: Path) -> Iterator[Daemon]:
    """It knows no name at all."""
    netns.ip(f"addr add {VIP}/32 dev lo")
    netns.ip(f"addr add {VIP6}/128 dev lo nodad")
    with Daemon(tmp_path, configuration(None, "domains = []")) as running:
        yield running


def test_clients_of_loopback_and_of_other_namespaces_are_not_counted(daemon: Daemon, netns: Netns) -> None:
    netns.ip("link add veth0 type veth peer name veth1")
    other = netns.sibling()
    netns.ip(f"link set veth1 netns {other.path}")
    netns.batch(["addr add 198.51.100.1/24 dev veth0", "link set veth0 up"])
    other.batch(
        ["addr add 198.51.100.2/24 dev veth1", "link set veth1 up", f"route add {VIP} via 198.51.100.1"]
    )
    client = CLIENTS["python, in a hurry"]
    with other.entered():
        client.run(VIP, PORT, REFUSED)
    client.run("127.0.0.1", PORT, REFUSED)
    until_reported(daemon)
    assert not [name for name in daemon.metrics() if "refused" in name and 'port="80"' in name]


def test_what_a_firewall_drops_failed_too(daemon: Daemon, netns: Netns) -> None:
    netns.nft("table ip f { chain c { type filter hook input priority 0; tcp dport 80 drop; }; }")
    subprocess.run(
        ["curl", "--silent", "--max-time", "1.5", f"http://{VIP}/"], check=False, capture_output=True
    )
    daemon.until(lambda: count(daemon, PORT) == 1)


def test_an_address_that_goes_takes_its_count_along(daemon: Daemon, netns: Netns) -> None:
    CLIENTS["curl"].run(VIP, PORT, REFUSED)
    daemon.until(lambda: count(daemon, PORT) == REFUSED)
    netns.ip(f"addr del {VIP}/32 dev lo")
    daemon.until(lambda: count(daemon, PORT) == 0)
    netns.ip(f"addr add {VIP}/32 dev lo")
    daemon.until(lambda: daemon.metrics()['lowatch_held_addresses{interface="lo",family="ipv4"}'] == 2)
    CLIENTS["curl"].run(VIP, PORT, 1)
    daemon.until(lambda: count(daemon, PORT) == 1)


WWW, DNS = "www.example.com", "dns.example.com"


def test_its_own_connects_are_not_counted_and_udp_clients_while_orphaned(
    netns: Netns, tmp_path: Path
) -> None:
    netns.ip(f"addr add {VIP}/32 dev lo")
    with (
        Knot({"example.com": f"www A {VIP}\ndns A {VIP}"}) as knot,
        Daemon(
            tmp_path,
            configuration(knot, f'hold = "0s"\ndomains = ["{WWW}:80", "{DNS}:53/udp"]'),
        ) as daemon,
    ):
        daemon.until(lambda: daemon.count("orphan-vip", "firing") == 2)
        events = 'lowatch_netlink_events_total{group="destroy"}'
        before = daemon.metrics()[events]
        for _ in range(REFUSED):
            with netns.udp("0.0.0.0", 0) as client:
                client.connect((VIP, 53))
                client.send(b"?")
        daemon.until(lambda: count(daemon, 53) >= REFUSED)
        CLIENTS["curl"].run(VIP, PORT, 1)
        daemon.until(lambda: count(daemon, PORT) == 1)
        assert count(daemon, 53) == REFUSED
        assert daemon.metrics()[events] > before
        with netns.udp(VIP, 53):
            daemon.until(lambda: daemon.orphan(DNS, port=53, protocol="udp") == 0)
            for _ in range(REFUSED):
                with netns.udp("0.0.0.0", 0) as client:
                    client.connect((VIP, 53))
            until_reported(daemon)
            assert count(daemon, 53) == REFUSED


@pytest.fixture
def orphaned(netns: Netns, tmp_path: Path) -> Iterator[Daemon]:
    """A name that leads to the VIP, which nothing serves; state is kept."""
    netns.ip(f"addr add {VIP}/32 dev lo")
    with Knot({"example.com": f"www A {VIP}"}) as knot:
        text = configuration(knot, f'hold = "0s"\ndomains = ["{WWW}:80"]')
        with Daemon(tmp_path, text, state=True) as daemon:
            daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])
            yield daemon


def refused(daemon: Daemon) -> dict[str, Any] | None:
    """The `refused` of the only orphan."""
    (finding,) = daemon.findings("orphan-vip")
    found: dict[str, Any] | None = finding["refused"]
    return found


def test_an_orphan_says_whom_it_has_hurt(orphaned: Daemon, netns: Netns) -> None:
    assert refused(orphaned) is None
    before = time.time()
    CLIENTS["curl"].run(VIP, PORT, 40)
    CLIENTS["bash"].run(VIP, PORT, 1)  # on an unknown port
    CLIENTS["curl"].run(VIP, PORT + 1, 1)
    orphaned.until(lambda: (refused(orphaned) or {}).get("count") == 41)
    found = refused(orphaned)
    assert found is not None
    first, last = (datetime.fromisoformat(found[name]).timestamp() for name in ("first", "last"))
    assert int(before) <= first <= last <= time.time()
    assert not found["estimated"]
    (finding,) = orphaned.findings("orphan-vip")
    assert f"has failed local clients 41 times since {found['first']}, last " in finding["message"]
    with netns.listener(VIP, PORT):
        orphaned.until(lambda: orphaned.announced("orphan-vip") == ["firing", "resolved"])
        assert "has failed local clients 41 times since" in orphaned.alerts[-1].text
    orphaned.until(lambda: orphaned.announced("orphan-vip") == ["firing", "resolved", "firing"])
    assert refused(orphaned) is None, "they belong to the orphan before"
    CLIENTS["curl"].run(VIP, PORT, 1)
    orphaned.until(lambda: (refused(orphaned) or {}).get("count") == 1)
    assert count(orphaned, PORT) == 41, "a counter never goes back"


def test_clients_that_keep_failing_cause_no_alert_and_no_write(orphaned: Daemon) -> None:
    state = orphaned.state_directory / "findings.json"
    orphaned.until(lambda: state.exists() and '"announced": true' in state.read_text())
    written = state.stat().st_mtime_ns
    audits = orphaned.metrics()["lowatch_audits_total"]
    for _ in range(20):
        CLIENTS["curl"].run(VIP, PORT, 5)
    orphaned.until(lambda: (refused(orphaned) or {}).get("count") == 100)
    assert orphaned.announced("orphan-vip") == ["firing"]
    assert state.stat().st_mtime_ns == written
    assert orphaned.metrics()["lowatch_audits_total"] < audits + 30


@pytest.fixture
def nameless(netns: Netns, tmp_path: Path) -> Iterator[Daemon]:
    """It knows no name, and announces at once."""
    netns.ip(f"addr add {VIP}/32 dev lo")
    with Daemon(tmp_path, configuration(None, 'hold = "0s"\ndomains = []')) as running:
        yield running


def keys(daemon: Daemon) -> set[str]:
    return {finding["key"] for finding in daemon.findings("refused-vip")}


def test_clients_that_came_by_an_unknown_name(nameless: Daemon, netns: Netns) -> None:
    CLIENTS["curl"].run(VIP, PORT, 2)
    nameless.until(lambda: count(nameless, PORT) == 2)
    assert keys(nameless) == set()
    CLIENTS["curl"].run(VIP, PORT, 1)
    nameless.until(lambda: nameless.announced("refused-vip") == ["firing"])
    (finding,) = nameless.findings("refused-vip")
    assert (finding["key"], finding["severity"]) == ("refused-vip/lo/192.0.2.10/80/tcp", "warning")
    assert finding["refused"]["count"] == 3
    with netns.listener(VIP, PORT):
        CLIENTS["curl"].run(VIP, PORT + 1, 3)  # so that it looks again: nothing tells of a new listener
        nameless.until(lambda: keys(nameless) == {"refused-vip/lo/192.0.2.10/81/tcp"})
        nameless.until(
            lambda: sorted(nameless.announced("refused-vip")) == ["firing", "firing", "resolved"]
        )


def test_clients_on_an_unknown_port(nameless: Daemon) -> None:
    CLIENTS["bash"].run(VIP, PORT, 3)
    nameless.until(lambda: keys(nameless) == {"refused-vip/lo/192.0.2.10"})


def test_a_scanner_is_one_line(nameless: Daemon) -> None:
    for _ in range(3):
        subprocess.run(["curl", "--silent", f"http://{VIP}:[100-140]/"], check=False, capture_output=True)
    nameless.until(lambda: keys(nameless) == {"refused-vip/lo/192.0.2.10"})
    CLIENTS["curl"].run("127.0.0.1", PORT, 10)
    until_reported(nameless)
    assert keys(nameless) == {"refused-vip/lo/192.0.2.10"}


def test_where_a_name_is_known_its_orphan_says_it(orphaned: Daemon) -> None:
    CLIENTS["curl"].run(VIP, PORT, 5)
    CLIENTS["bash"].run(VIP, PORT, 5)
    orphaned.until(lambda: (refused(orphaned) or {}).get("count") == 10)
    CLIENTS["curl"].run(VIP, PORT + 1, 3)
    orphaned.until(lambda: keys(orphaned) == {"refused-vip/lo/192.0.2.10/81/tcp"})


def test_the_threshold_is_a_key(nameless: Daemon, tmp_path: Path) -> None:
    text = configuration(None, 'hold = "0s"\ndomains = []', tables='[victims]\nat_least = 1\nwithin = "2s"')
    nameless.reload(text)
    CLIENTS["curl"].run(VIP, PORT, 1)
    nameless.until(lambda: nameless.announced("refused-vip") == ["firing"])


def test_a_restart_neither_ends_it_nor_announces_it_again(netns: Netns, tmp_path: Path) -> None:
    netns.ip(f"addr add {VIP}/32 dev lo")
    daemon = Daemon(tmp_path, configuration(None, 'hold = "0s"\ndomains = []'), state=True)
    daemon.start()
    CLIENTS["curl"].run(VIP, PORT, 3)
    daemon.until(lambda: daemon.announced("refused-vip") == ["firing"])
    daemon.stop()
    daemon.start()
    assert keys(daemon) == {"refused-vip/lo/192.0.2.10/80/tcp"}
    CLIENTS["curl"].run(VIP, PORT, 1)
    daemon.until(lambda: daemon.findings("refused-vip")[0]["refused"] is not None)
    assert daemon.announced("refused-vip") == ["firing"]
    with netns.listener(VIP, PORT):
        CLIENTS["curl"].run(VIP, PORT + 1, 3)
        daemon.until(lambda: "resolved" in daemon.announced("refused-vip"))
    daemon.stop()


def test_a_check_beside_the_daemon_is_no_client(orphaned: Daemon) -> None:
    for _ in range(3):
        subprocess.run(
            [sys.executable, "-m", "lowatch", "check", "-c", str(orphaned.file)],
            check=False,
            capture_output=True,
        )
    until_reported(orphaned)
    assert refused(orphaned) is None
