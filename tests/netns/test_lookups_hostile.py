"""The daemon learns names from everybody, and each of them means harm, all at the same time.

An innocent name is alerted of as ever, memory is bounded, and what is said is printable.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.hostile_lookups import RESTLESS, SOA, write_odd_zones
from tests.support.hostile_lookups import VIP as PACKED
from tests.support.netns import Netns
from tests.support.repository import ROOT
from tests.support.waiting import eventually

WWW, SHOP, VIP = "www.example.com", "shop.example.com", ".".join(map(str, PACKED))
RED = "\\027\\091x"
HOSTS = (
    b"127.0.0.1 localhost\n203.0.113.79 \x1b[31m.evil "
    + b"a" * 300
    + b".evil \xff\xfe.evil ok.evil\n"
    + b"x" * 1_000_000
    + b"\n203.0.113.79 h.evil\n"
)
ZONES = {
    "example.com": f"www 1 A {VIP}\nshop 1 A {VIP}",
    "113.0.203.in-addr.arpa": f"79 1 PTR shop.example.com.\n79 1 PTR {RED}.example.com.\n"
    + "\n".join(f"79 1 PTR p{number}.example.com." for number in range(100)),
}
MEBIBYTES = 100
"""At most. It took 50 in all of this; an idle one has 40."""
SECONDS = 2.0
"""At most, for nine of ten health probes. On a quiet machine they take milliseconds."""


class Attackers:
    """Processes of tests.support.hostile_lookups."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._stack = ExitStack()
        self._said: dict[str, Path] = {}

    def begin(self, role: str, place: object) -> None:
        self._said[role] = self._directory / f"{role}.said"
        command = [sys.executable, "-m", "tests.support.hostile_lookups", role, str(place)]
        with self._said[role].open("wb") as said:
            process = self._stack.enter_context(subprocess.Popen(command, stdout=said, cwd=ROOT))
        self._stack.callback(process.kill)

    def rounds(self) -> dict[str, int]:
        return {role: said.read_text().count("round") for role, said in self._said.items()}

    def end(self) -> None:
        self._stack.close()


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A short path, as sockets need."""
    directory = Path(tempfile.mkdtemp(prefix="lowatch-"))
    yield directory
    shutil.rmtree(directory)


@contextmanager
def attacked(directory: Path, runtime: Path, knot: Knot) -> Iterator[tuple[Daemon, Attackers]]:
    """A daemon that learns from everybody. So far only its files and the false monitor mean harm."""
    restless = directory / RESTLESS
    restless.write_bytes(SOA)
    zones = [*write_odd_zones(directory), restless]
    hosts = runtime / "hosts"
    hosts.write_bytes(HOSTS)
    os.mkfifo(trace := directory / "trace_pipe")
    descriptor = os.open(trace, os.O_RDWR)
    tables = "".join(f'[[zones]]\nfile = "{file}"\n' for file in zones)
    tables += '[names]\nlearn = ["dnstap", "resolved", "ptr", "hosts", "hostname"]\n'
    mounts = (
        f"mount -t tmpfs tmpfs /run; ln -s {runtime}/monitor /run/lowatch-resolved.sock; "
        f"mount --bind {hosts} /etc/hosts"
    )
    prefix = ["unshare", "--mount", "--", "sh", "-ec", f'{mounts}; exec "$0" "$@"']
    prefix += ["env", f"RUNTIME_DIRECTORY={runtime}"]
    attackers = Attackers(directory)
    attackers.begin("monitor", runtime / "monitor")
    eventually((runtime / "monitor").exists)
    text = configuration(knot, f'hold = "0s"\ndomains = ["{WWW}:80"]', dns='min_ttl = "1s"', tables=tables)
    try:
        with Daemon(directory, text, state=True, prefix=prefix, stdin=descriptor, ready=False) as daemon:
            yield daemon, attackers
            attackers.end()
    finally:
        attackers.end()
        os.close(descriptor)


def test_all_at_once(netns: Netns, tmp_path: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netns.ip(f"addr add {VIP}/32 dev lo")
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(runtime))
    with Knot(ZONES) as knot, attacked(tmp_path, runtime, knot) as (daemon, attackers):
        daemon.until(lambda: said_of(daemon, WWW) == "firing")
        attackers.begin("dnstap", runtime / "dnstap.sock")
        attackers.begin("trace", tmp_path / "trace_pipe")
        attackers.begin("zones", tmp_path)
        attackers.begin("refused", VIP)
        for rounds in (1, 2):
            daemon.until(lambda rounds=rounds: min(attackers.rounds().values()) >= rounds, 120)
            listener = netns.listener(VIP, 80)
            daemon.until(lambda: said_of(daemon, WWW) == "resolved")
            listener.close()
            daemon.until(lambda: said_of(daemon, WWW) == "firing")
        assert sorted(probe(daemon) for _ in range(50))[45] < SECONDS
        daemon.until(lambda: "restless.zone: zone evil, serial 1: 1 name here" in daemon.log, 60)
        memory = Path(f"/proc/{daemon.pid}/status").read_text().partition("VmHWM:")[2].split()[0]
        assert int(memory) / 1024 < MEBIBYTES
        attackers.end()
        daemon.until(lambda: SHOP in {row["name"] for row in daemon.audit()["names"]}, 120)
        shown = [daemon.get(path).body for path in ("/", "/metrics", "/api/v1/audit", "/api/v1/findings")]
        shown += [status(), status("--format", "json"), daemon.log]
    for text in shown:
        assert not [character for character in text if not (" " <= character <= "~" or character == "\n")]
    assert {"learned_names", "lookup_message", "zone_record_bytes"} <= json.loads(shown[5])["limits"].keys()
    assert "limits     reached: " in shown[4]


def probe(daemon: Daemon) -> float:
    """Seconds that a health probe took."""
    began = time.monotonic()
    assert daemon.get("/-/healthy").status == 200
    return time.monotonic() - began


def said_of(daemon: Daemon, name: str) -> str:
    """The last that was said of it. A scrape would cost more than all else."""
    return ([""] + [one.state for one in daemon.alerts if name in one.text])[-1]


def status(*options: str) -> str:
    command = [sys.executable, "-m", "lowatch", "status", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
