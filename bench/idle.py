"""(c) Idle: measures the daemon while nothing happens except expiring answers and periodic sweeps."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from lowatch.service.lookups.dnstap_server import SOCKET_NAME
from tests.support.dns_server import Knot
from tests.support.dnstap import START
from tests.support.netns import Netns
from tests.support.tracefs import instance, missing

from . import report, world
from .daemon import Running, configuration, lowatch, resolv_conf, running
from .report import Row

TTL = 300
SECONDS = 60
SETTLING = 75.0
"""Seconds after which getaddrinfo has looked up every name that leads here, or has used its budget."""
ZONE = "bench.example"
PEER = "prometheus-node-exporter"
_PEER_PORT = 9100


class Case(NamedTuple):
    """domains: how many lead here. Limits: percent of a core, MiB, wake-ups a second beyond queries.

    informed: whether a resolver, a zone file and a trace are there, too, and silent.
    """

    domains: int
    cpu: float
    rss: float | None = None
    wakeups: float | None = None
    informed: bool = False

    def __str__(self) -> str:
        return f"{self.domains:,} names{', dnstap, a zone, a trace' if self.informed else ''}"


CASES = (
    Case(1_000, cpu=0.2, rss=42.0, wakeups=12.0),
    Case(1_000, cpu=0.2, rss=44.0, wakeups=12.0, informed=True),
    Case(10_000, cpu=1.0),
)


class Usage(NamedTuple):
    """All threads of a process, so far. cpu: seconds. wakeups: how often it slept and was woken."""

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
        """VmRSS, or VmHWM, its peak."""
        return _number(Path(f"/proc/{self.running.pid}/status").read_text(), field) / 1024


def _number(status: str, field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+)", status, re.MULTILINE)
    assert found is not None, field
    return int(found[1])


def run(*, quick: bool) -> list[Row]:
    return [row for case in CASES for row in _run(case, SECONDS // 10 if quick else SECONDS)]


def _run(case: Case, seconds: int) -> list[Row]:
    report.title(f"(c) Idle: {case}, of TTL {TTL}, A and AAAA, over {seconds} s")
    with Netns() as netns, netns.entered(), ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lowatch-bench-")))
        processes = [Process("lowatch", _settled_daemon(case, folder, stack))]
        processes += _peers(folder, stack)
        idle = _measure(processes, "idle", seconds, scraped=False)
        _measure(processes, "scraped each second", seconds, scraped=True)
        rss = processes[0].mebibytes("VmRSS")
    return _rows(case, idle, rss)


def _rows(case: Case, idle: Idle, rss: float) -> list[Row]:
    which = f"(c) {case}:"
    rows = [report.at_most(f"{which} idle CPU, of one core", idle.cpu, case.cpu, "{:.2f} %")]
    if case.wakeups is not None:
        beyond = idle.wakeups - idle.queries
        what = f"{which} wake-ups beyond queries"
        rows.append(report.at_most(what, beyond, case.wakeups, "{:.1f} /s"))
    if case.rss is not None:
        rows.append(report.at_most(f"{which} RSS", rss, case.rss, "{:.1f} MiB"))
    return rows


def _peers(folder: Path, stack: ExitStack) -> list[Process]:
    """Starts node_exporter. If that is not possible, a line shows why."""
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


def _settled_daemon(case: Case, folder: Path, stack: ExitStack) -> Running:
    """A daemon that has queried every name. Its next queries are spread evenly over the next TTL.

    That is the usual state behind a cache, or after a day. Otherwise all names queried in the same ten
    seconds would expire together, and a window of a minute would have none of them. As on a usual host,
    applications ask the same server, and getaddrinfo can answer.
    """
    count = case.domains
    stack.enter_context(closing(world.Lo())).fill(count)
    stack.enter_context(world.listening(count))
    knot = stack.enter_context(Knot({ZONE: _records(_first_ttls(count))}, port=53))
    stack.enter_context(resolv_conf(folder, f"nameserver {knot.nameserver.host}\n"))
    domains = [f"d{number}.{ZONE}" for number in range(count)]
    text, trace = configuration(domains, None, max_qps=2_000), subprocess.DEVNULL
    if case.informed:
        text += _sources(folder, knot)
        if not missing():
            trace = stack.enter_context(_trace(folder))
    daemon = stack.enter_context(lowatch(folder, text, stdin=trace))
    daemon.until_answering("/-/ready")
    if case.informed:
        peer = stack.enter_context(socket.socket(socket.AF_UNIX))
        peer.connect(str(folder / SOCKET_NAME))
        peer.sendall(START)
    daemon.scraper.close()
    knot.replace(ZONE, _records([TTL] * count))
    time.sleep(SETTLING)
    return daemon


def _sources(folder: Path, knot: Knot) -> str:
    """TOML: a resolver's socket in the runtime directory, and a zone file of other names that lead here."""
    zone = folder / "bench.zone"
    zone.write_text(
        "zone.example. 300 IN SOA ns hostmaster 1 3600 600 86400 300\n"
        + "".join(f"z{number}.zone.example. 300 IN A {world.text(number)}\n" for number in range(10))
    )
    return f'[names]\nlearn = ["dnstap"]\n[[zones]]\nfile = "{zone}"\nserver = "{knot.nameserver}"\n'


@contextmanager
def _trace(folder: Path) -> Iterator[int]:
    at = folder / "tracefs"
    at.mkdir()
    with instance(at) as made:
        descriptor = os.open(made / "trace_pipe", os.O_RDONLY)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def _first_ttls(count: int) -> list[int]:
    return [5 + (TTL - 5) * number // count for number in range(count)]


def _records(ttls: Sequence[int]) -> str:
    """A: held here, and served. AAAA: elsewhere."""
    return "\n".join(
        f"d{number} {ttl} A {world.text(number)}\nd{number} {ttl} AAAA 2001:db8::{number:x}"
        for number, ttl in enumerate(ttls)
    )


class Idle(NamedTuple):
    """The usage of one process. cpu: percent of a core. wakeups, queries: per second."""

    cpu: float
    wakeups: float
    queries: float


def _measure(processes: Sequence[Process], what: str, seconds: int, *, scraped: bool) -> Idle:
    """Prints the usage of each process, and returns that of the first."""
    time.sleep(2)  # the peer's start and the last scrape do not count
    asked = _queries(processes[0])
    time.sleep(0.5)
    before = [Usage.of(process.running.pid) for process in processes]
    began = time.monotonic()
    for second in range(1, seconds + 1):
        if scraped:
            for process in processes:
                assert process.running.scraper.get("/metrics")[0] == 200
        time.sleep(max(0.0, began + second - time.monotonic()))
    found: list[Idle] = []
    for process, then in zip(processes, before, strict=True):
        now = Usage.of(process.running.pid)
        passed = now.at - then.at
        queries = (_queries(process) - asked) / passed if not found else 0.0
        share, wakeups = 100 * (now.cpu - then.cpu) / passed, (now.wakeups - then.wakeups) / passed
        found.append(Idle(share, wakeups, queries))
        report.line(
            f"{process.name}, {what}",
            f"{found[-1].cpu:5.2f} % of a core   {process.mebibytes('VmRSS'):5.1f} MiB "
            f"(peak {process.mebibytes('VmHWM'):.1f})   {found[-1].wakeups:5.1f} wake-ups/s"
            + (f", {queries:.1f} queries/s" if queries else ""),
        )
    if scraped and len(found) > 1:  # the peer does nothing while idle
        report.line(f"ratio of CPU, {what}", f"{found[0].cpu / found[1].cpu:5.2f}")
    return found[0]


def _queries(process: Process) -> float:
    """How many DNS queries it has sent, answered or not."""
    _, body = process.running.scraper.get("/metrics")
    counts = re.findall(rb"^lowatch_dns_queries_total\{.*\} (\S+)$", body, re.MULTILINE)
    return sum(map(float, counts))
