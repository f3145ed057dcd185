"""The daemon as its service manager sees it: a real process, told and telling by $NOTIFY_SOCKET."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.daemon import WEB, Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns
from tests.support.waiting import eventually

WWW = "www.example.com"

STUCK = """
import asyncio, sys
import lowatch.app.daemon, lowatch.kernel.event_socket, lowatch.resolve.engine
{sabotage}
from lowatch.__main__ import main
sys.argv[0] = "lowatch"
sys.exit(main())
"""
"""A lowatch with a fault that no input can bring about, and patience for a second of it.

With the other parts it has more patience: a busy machine may hold them up as long.
"""

NO_READER = """
lowatch.kernel.event_socket.STUCK_AFTER = 1
from lowatch.kernel.event_socket import EventSocket
EventSocket._drain = lambda self: None
"""
NO_TIMER = """
lowatch.resolve.engine.STUCK_AFTER = 1
from lowatch.resolve.time_wheel import Wheel
Wheel._arm = lambda self: None
"""
NO_AUDITS = """
lowatch.app.daemon.STUCK_AFTER = 1 - lowatch.app.daemon.SWEEP_EVERY
from lowatch.app.daemon import Daemon
turn = Daemon._turn
async def turn_until_ready(self):
    if self.ready:
        await asyncio.get_running_loop().create_future()
    await turn(self)
Daemon._turn = turn_until_ready
"""


class Manager:
    """What the daemon said. text: all assignments so far, a line each."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(str(path))
        self._text = ""

    @property
    def text(self) -> str:
        with suppress(BlockingIOError):
            while True:
                self._text += self.socket.recv(4096).decode() + "\n"
        return self._text

    @property
    def status(self) -> str:
        found = re.findall("^STATUS=(.*)$", self.text, re.MULTILINE)
        return found[-1] if found else ""


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    found = Manager(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    with found.socket:
        yield found


@pytest.fixture
def knot(netns: Netns) -> Iterator[Knot]:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    with Knot({"example.com": "$TTL 1\nwww A 192.0.2.10"}) as running:
        yield running


def settings(knot: Knot, *, dns: str = "") -> str:
    return configuration(knot, f'hold = "0s"\nprobe = "off"\ndomains = ["{WWW}:80"]', dns=dns)


def test_it_is_ready_after_the_first_full_audit(
    netns: Netns, knot: Knot, tmp_path: Path, manager: Manager
) -> None:
    """Half a minute is what a silent nameserver can take: the start is extended meanwhile."""
    silent = 'nameservers = ["192.0.2.10:5300"]\ntimeout = "1s"'
    netns.udp("192.0.2.10", 5300)
    text = settings(knot).replace(f'nameservers = ["{knot.nameserver}"]', silent)
    with Daemon(tmp_path, text, ready=False) as daemon:
        eventually(lambda: "EXTEND_TIMEOUT_USEC=60000000" in manager.text)
        assert manager.status == "starting: 1 domain: 1 unknown; 2 DNS queries still to send"
        assert "READY=1" not in manager.text
        daemon.until(lambda: "READY=1" in manager.text, 20)
        assert daemon.get("/-/ready").status == 200
        assert "1 domain: 1 unknown" in manager.status


def test_each_zone_file_extends_the_start(
    netns: Netns, knot: Knot, tmp_path: Path, manager: Manager
) -> None:
    """They are read before anything else: three of ten million records would take too long."""
    files = [tmp_path / f"{name}.zone" for name in ("one", "two")]
    for file in files:
        file.write_text(
            f"{file.stem}.test. 60 IN SOA ns.{file.stem}.test. root.{file.stem}.test. 1 1 1 1 1\n"
        )
    zones = "".join(f'[[zones]]\nfile = "{file}"\n' for file in files)
    with Daemon(tmp_path, settings(knot) + zones) as daemon:
        assert manager.text.splitlines()[:2] == ["EXTEND_TIMEOUT_USEC=120000000"] * 2
        assert daemon.log.count("0 names here") == 2


def test_status_tells_the_counts_and_follows_them(
    netns: Netns, knot: Knot, tmp_path: Path, manager: Manager
) -> None:
    with Daemon(tmp_path, settings(knot)) as daemon:
        held = "3 addresses held; 1 domain: 1 resolved; "
        daemon.until(lambda: manager.status == held + "1 finding firing (1 critical)")
        with netns.listener("192.0.2.10", 80):
            daemon.until(lambda: manager.status == held + "no findings")
    assert manager.text.endswith("STOPPING=1\nSTATUS=stopping\n")
    assert manager.text.count("READY=1") == 1


def test_the_watchdog_is_fed_while_it_lives(
    netns: Netns, knot: Knot, tmp_path: Path, manager: Manager
) -> None:
    with Daemon(tmp_path, settings(knot)) as daemon:
        fed = manager.text.count("WATCHDOG=1")
        daemon.until(lambda: manager.text.count("WATCHDOG=1") > fed + 3, 3)
    assert "trigger" not in manager.text


@pytest.mark.parametrize(
    ("sabotage", "part"),
    [(NO_READER, "route events"), (NO_TIMER, "resolver"), (NO_AUDITS, "audits")],
    ids=["netlink reader", "resolver", "audits"],
)
def test_a_stuck_part_trips_it(
    netns: Netns, knot: Knot, tmp_path: Path, manager: Manager, sabotage: str, part: str
) -> None:
    """The pages answer, the loop turns, and nothing that they say is news."""
    script = tmp_path / "stuck.py"
    script.write_text(STUCK.format(sabotage=sabotage))
    # Daemon runs PREFIX python -m lowatch ARGUMENTS: "$@" without the first three is ours.
    prefix = ["bash", "-c", f'shift 3; exec {sys.executable} {script} "$@"', "-"]
    timeout = 'min_ttl = "1s"\ntimeout = "100ms"'
    with Daemon(tmp_path, settings(knot, dns=timeout), prefix=prefix) as daemon:
        netns.ip("addr add 192.0.2.11/32 dev lo")
        daemon.until(lambda: "WATCHDOG=trigger" in manager.text, 10)
        assert daemon.get("/-/healthy").status == 200
        assert manager.status.startswith(f"{part}: no progress for ")
        daemon.until_logged(f"CRITICAL lowatch.app.supervision: {part}: no progress for")


def test_the_watchdogs_abort_shows_where_it_was(
    netns: Netns, knot: Knot, tmp_path: Path, manager: Manager
) -> None:
    with Daemon(tmp_path, settings(knot)) as daemon:
        daemon.signal(signal.SIGABRT)
        assert daemon.wait() == -signal.SIGABRT
        assert "Fatal Python error: Aborted" in daemon.log
        assert "/lowatch/wiring/service.py" in daemon.log


def test_the_web_socket_may_be_passed_on(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    """As lowatch.socket does it: it listens before the daemon does, and web.listen is not used."""
    host, port = WEB.split(":")
    with socket.create_server((host, int(port))) as web:
        os.set_inheritable(web.fileno(), True)
        passed = f'exec 3<&{web.fileno()}; LISTEN_FDS=1 LISTEN_PID=$$ LISTEN_FDNAMES=web exec "$@"'
        prefix = ["bash", "-c", passed, "-"]
        text = settings(knot) + '[web]\nlisten = ["192.0.2.10:1"]\n'
        with Daemon(tmp_path, text, prefix=prefix, inherited=[web.fileno()]) as daemon:
            assert daemon.get("/-/ready").status == 200
            daemon.until_logged(f"metrics at http://{WEB}/metrics")
            assert daemon.orphan(WWW) == 1
