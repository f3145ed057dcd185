"""Measures how many queries each client makes per CPU-second, without a rate limit."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from lowatch.config.settings import Nameserver

from . import child, dns_zone, report
from .dns_self import Cost
from .report import Row
from .stats import paired_ratios, summarise

ROUNDS = 5
NAIVE_LIMIT = 25.0
DNSPERF_LIMIT = 0.6
TURNS = ("first answers", "same answers")
"""The turns of the engine: the first answers to all names, and later answers, which are the same."""
_QUERIES_COMPLETED = re.compile(r"Queries completed: +(\d+) \(100\.00%\)")


class Contest(NamedTuple):
    """names: how many the zone has. folder: for the file of queries that dnsperf reads."""

    server: Nameserver
    names: int
    rounds: int
    folder: Path


class Peer(NamedTuple):
    """install: how to install it if it is missing, or "". limit: the lowest ratio to it that passes."""

    name: str
    measure: Callable[[Contest], Cost]
    install: str = ""
    limit: float | None = None


def measure(contest: Contest) -> list[Row]:
    """Runs every client once per round, so that the figures of a round come from the same conditions."""
    peers = []
    for peer in _peers():
        if peer.install:
            report.line(f"peer absent: {peer.name} ({peer.install})", "")
        else:
            peers.append(peer)
    ours = []
    theirs: dict[str, list[Cost]] = {peer.name: [] for peer in peers}
    for _ in range(contest.rounds):
        ours.append(client("engine", contest.server, contest.names))
        for peer in tuple(peers):
            try:
                theirs[peer.name].append(peer.measure(contest))
            except child.ChildFailedError as error:
                report.line(f"peer cannot be used: {peer.name} ({error})", "")
                peers.remove(peer)
    turns = dict(zip(TURNS, zip(*ours, strict=True), strict=True))
    for turn, costs in turns.items():
        _show(f"lowatch, {turn}", costs)
    for peer in peers:
        _show(peer.name, theirs[peer.name])
    return [_ratio(turn, costs, peer, theirs[peer.name]) for peer in peers for turn, costs in turns.items()]


def measure_tcp(contest: Contest) -> list[Row]:
    samples = [client("engine_tcp", contest.server, contest.names) for _ in range(contest.rounds)]
    rows = []
    for turn, costs in zip(TURNS, zip(*samples, strict=True), strict=True):
        each = _show(f"lowatch, {turn}, tcp://", costs)
        rows.append(Row(f"(e) CPU per query over tcp://, {turn}", f"{each:.1f} us"))
    return rows


def client(name: str, server: Nameserver, count: int) -> list[Cost]:
    """Runs one of dns_clients in a process of its own."""
    command = [sys.executable, "-m", "bench.dns_clients", name, server.host, str(server.port), str(count)]
    with dns_zone.as_client():
        return [Cost(*cost) for cost in json.loads(child.said(command))]


def dnsperf(contest: Contest) -> Cost:
    """Sends the same queries as lowatch's engine, also with EDNS. The cost includes its start."""
    file = contest.folder / "queries"
    if not file.exists():
        file.write_text("".join(f"{name} A\n{name} AAAA\n" for name in dns_zone.names(contest.names)))
    server = contest.server
    command = ["dnsperf", "-s", server.host, "-p", str(server.port), "-d", str(file), "-n", "1"]
    command += ["-c", "1", "-T", "1", "-q", "64", "-e"]
    with dns_zone.as_client(), subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = process.stdout.read().decode()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    completed = _QUERIES_COMPLETED.search(said)
    if completed is None:
        raise child.ChildFailedError(f"exit code {process.returncode}, not all queries were completed")
    return Cost(int(completed[1]), used.ru_utime, used.ru_stime, 0.0)


def _peers() -> list[Peer]:
    """The peers. dnspython comes with lowatch. Slow ones get fewer names, and still take seconds."""
    has_aiodns = importlib.util.find_spec("aiodns") is not None
    has_dnsperf = shutil.which("dnsperf") is not None
    return [
        Peer("dns.asyncresolver", _some("asyncresolver", 10), limit=NAIVE_LIMIT),
        Peer("aiodns", _some("aiodns", 2), "" if has_aiodns else "pip install aiodns"),
        Peer("dnsperf", dnsperf, "" if has_dnsperf else "apt-get install it", DNSPERF_LIMIT),
    ]


def _some(name: str, divisor: int) -> Callable[[Contest], Cost]:
    return lambda contest: client(name, contest.server, contest.names // divisor)[0]


def _show(name: str, costs: Sequence[Cost]) -> float:
    """Shows the costs. Returns the median of CPU microseconds per query."""
    each = summarise([cost.each * 1e6 for cost in costs])
    system = summarise([cost.system / cost.queries * 1e6 for cost in costs])
    report.line(
        name,
        f"{each.median:7.2f} us of CPU per query ({each.least:.2f} to {each.most:.2f}), "
        f"of it system {system.median:.2f}   {1e6 / each.median:7.0f} per CPU-second",
    )
    return each.median


def _ratio(turn: str, ours: Sequence[Cost], peer: Peer, theirs: Sequence[Cost]) -> Row:
    ratio = paired_ratios([cost.each for cost in theirs], [cost.each for cost in ours])
    what = f"queries per CPU-second / {peer.name}, {turn}"
    report.line(what, f"{ratio.median:7.2f}      ({ratio.least:.2f} to {ratio.most:.2f})")
    if peer.limit is None or turn == TURNS[0]:  # happens once in a daemon's life, so it has no limit
        return Row(f"(e) {what}", f"{ratio.median:.2f}", more=True)
    return report.at_least(f"(e) {what}", ratio.median, peer.limit, "{:.2f}")
