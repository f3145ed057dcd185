"""(c) Idle: what the daemon takes while nothing happens but answers that expire and sweeps that are due."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

from tests.support.dns_server import Knot
from tests.support.netns import Netns

from . import report, world
from .daemon import Running, configuration, lowatch, running
from .report import Row

DOMAINS = 1_000
TTL = 300
SECONDS = 60
CPU_LIMIT = 0.2
RSS_LIMIT = 48.0
ZONE = "bench.example"
PEER = "prometheus-node-exporter"
_PEER_PORT = 9100


class Usage(NamedTuple):
    """Of all threads of a process, up to now. cpu: seconds. wakeups: how often it slept and was woken."""

    at: float
    cpu: float
    wakeups: int

    @classmethod
    def of(cls, pid: int) -> Usage:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return cls(
            time.monotonic(),
            sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9,
            sum(_number((task / "status").read_text(), "voluntary_ctxt_switches") for task in tasks),
        )


class Process(NamedTuple):
    name: str
    running: Running

    def mebibytes(self, field: str) -> float:
        """VmRSS, or VmHWM: the most it ever was."""
        return _number(Path(f"/proc/{self.running.pid}/status").read_text(), field) / 1024


def _number(status: str, field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+)", status, re.MULTILINE)
    assert found is not None, field
    return int(found[1])


def run(*, quick: bool) -> list[Row]:
    seconds = SECONDS // 10 if quick else SECONDS
    report.title(f"(c) Idle: {DOMAINS} domains of TTL {TTL}, A and AAAA, over {seconds} s")
    with Netns() as netns, netns.entered(), ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lowatch-bench-")))
        processes = [Process("lowatch", _settled_daemon(folder, stack))]
        processes += _peers(folder, stack)
        idle = _measure(processes, "idle", seconds, scraped=False)
        _measure(processes, "scraped each second", seconds, scraped=True)
        rss = processes[0].mebibytes("VmRSS")
    return [
        report.at_most("(c) idle CPU, of one core", idle, CPU_LIMIT, "{:.2f} %"),
        report.at_most("(c) RSS", rss, RSS_LIMIT, "{:.1f} MiB"),
    ]


def _peers(folder: Path, stack: ExitStack) -> list[Process]:
    """node_exporter, or nobody: a line says why."""
    if shutil.which(PEER) is None:
        report.line(f"peer absent: {PEER} (apt-get install it)", "")
        return []
    command = [PEER, f"--web.listen-address=127.0.0.1:{_PEER_PORT}"]
    peer = stack.enter_context(running(folder, command, _PEER_PORT))
    try:
        peer.until_answering("/metrics")
    except AssertionError as error:
        report.line(f"peer cannot be used: {PEER} ({str(error).splitlines()[0]})", "")
        return []
    return [Process("node_exporter", peer)]


def _settled_daemon(folder: Path, stack: ExitStack) -> Running:
    """A daemon that has asked for every name, and is to ask again evenly over the next TTL.

    So it would be behind a cache, or after a day. All names that were first asked in the same ten
    seconds would otherwise expire together, and a window of a minute see none of them.
    """
    stack.enter_context(closing(world.Lo())).fill(DOMAINS)
    stack.enter_context(world.listening(DOMAINS))
    first = [5 + (TTL - 5) * number // DOMAINS for number in range(DOMAINS)]
    knot = stack.enter_context(Knot({ZONE: _records(first)}))
    domains = [f"d{number}.{ZONE}" for number in range(DOMAINS)]
    daemon = stack.enter_context(lowatch(folder, configuration(domains, knot.nameserver)))
    daemon.until_answering("/-/ready")
    daemon.scraper.close()
    knot.replace(ZONE, _records([TTL] * DOMAINS))
    return daemon


def _records(ttls: Sequence[int]) -> str:
    """A: held here, and served. AAAA: elsewhere."""
    return "\n".join(
        f"d{number} {ttl} A {world.text(number)}\nd{number} {ttl} AAAA 2001:db8::{number:x}"
        for number, ttl in enumerate(ttls)
    )


def _measure(processes: Sequence[Process], what: str, seconds: int, *, scraped: bool) -> float:
    """Prints what each took. The CPU share of the first, in percent of a core."""
    time.sleep(2)  # the start of the peer, and the last scrape, are no part of it
    before = [Usage.of(process.running.pid) for process in processes]
    began = time.monotonic()
    for second in range(1, seconds + 1):
        if scraped:
            for process in processes:
                assert process.running.scraper.get("/metrics")[0] == 200
        time.sleep(max(0.0, began + second - time.monotonic()))
    shares = []
    for process, then in zip(processes, before, strict=True):
        now = Usage.of(process.running.pid)
        passed = now.at - then.at
        shares.append(100 * (now.cpu - then.cpu) / passed)
        report.line(
            f"{process.name}, {what}",
            f"{shares[-1]:5.2f} % of a core   {process.mebibytes('VmRSS'):5.1f} MiB "
            f"(peak {process.mebibytes('VmHWM'):.1f})   "
            f"{(now.wakeups - then.wakeups) / passed:5.1f} wake-ups/s",
        )
    if scraped and len(shares) > 1:  # idle, the peer takes nothing at all
        report.line(f"ratio of CPU, {what}", f"{shares[0] / shares[1]:5.2f}")
    return shares[0]
