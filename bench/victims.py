"""(i) A flood of refused local clients: the daemon's CPU time, memory, and how far off its count is."""

from __future__ import annotations

import re
import socket
import tempfile
import time
from pathlib import Path

from tests.support.netns import Netns

from . import report
from .daemon import Running, configuration, lowatch
from .report import Row

HELD, OTHER, PORT = "192.0.2.10", "127.0.0.2", 80
RATE, SECONDS = 10_000, 20.0
SETTLED = 2.0
CPU_LIMIT, ERROR_LIMIT, GROWTH_LIMIT = 8.0, 10.0, 2.0
_COUNT = re.compile(rb"^lowatch_refused_connects_total\{[^}\n]*\} (\d+)", re.MULTILINE)


def run(*, quick: bool) -> list[Row]:
    report.title(f"(i) {RATE:,} refused clients a second, for {SECONDS:g} s")
    seconds = SECONDS / 10 if quick else SECONDS
    with (
        Netns() as netns,
        netns.entered(),
        tempfile.TemporaryDirectory(prefix="lowatch-bench-") as folder,
    ):
        netns.ip(f"addr add {HELD}/32 dev lo")
        with lowatch(Path(folder), configuration([], None)) as daemon:
            daemon.until_answering("/-/ready")
            time.sleep(SETTLED)
            before = _rss(daemon)
            elsewhere, _ = _flood(daemon, OTHER, seconds)
            here, made = _flood(daemon, HELD, seconds)
            counted, grown = _counted(daemon), _rss(daemon) - before
    error = 100 * abs(counted - made) / made
    report.line("clients made, and counted", f"{made:,}, {counted:,}")
    at = "refused clients a second"
    return [
        report.at_most(f"(i) CPU, {RATE:,} {at}", here, CPU_LIMIT, "{:.2f} % of a core"),
        Row(
            f"(i) CPU, {RATE:,} {at} of an address that is not held",
            f"{elsewhere:.2f} % of a core",
            noise=1.0,
        ),
        report.at_most("(i) how far off the count is", error, ERROR_LIMIT, "{:.1f} %", noise=5.0),
        report.at_most("(i) RSS growth in the flood", grown, GROWTH_LIMIT, "{:.1f} MiB", noise=5.0),
    ]


def _flood(daemon: Running, address: str, seconds: float) -> tuple[float, int]:
    """The daemon's CPU time, in percent of a core, and how many clients were made."""
    began, used, made = time.monotonic(), _cpu(daemon), 0
    while (elapsed := time.monotonic() - began) < seconds:
        while made < RATE * elapsed:
            with socket.socket() as client:
                client.setblocking(False)
                client.connect_ex((address, PORT))
            made += 1
        time.sleep(0.001)
    time.sleep(SETTLED)
    return 100 * (_cpu(daemon) - used) / seconds, made


def _cpu(daemon: Running) -> float:
    """CPU seconds of its threads so far (schedstat is in nanoseconds)."""
    tasks = Path(f"/proc/{daemon.pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def _rss(daemon: Running) -> float:
    """MiB."""
    status = Path(f"/proc/{daemon.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def _counted(daemon: Running) -> int:
    return sum(map(int, _COUNT.findall(daemon.scraper.get("/metrics")[1])))
