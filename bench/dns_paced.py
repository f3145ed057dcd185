"""Measures the daemon with many names, queried as their TTLs expire, and a task per name as a peer."""

from __future__ import annotations

import json
import math
import re
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from lowatch.config.settings import DnsSettings, Nameserver
from lowatch.resolve.records.far_slots import SETTLED_AFTER_START, STEADY_ANSWERS

from . import child, dns_zone, report
from .daemon import configuration, lowatch
from .dns_naive import Kept
from .idle import Process, Usage
from .report import Row

MAX_QPS = 20_000
CPU_LIMIT_MANY, CPU_LIMIT_FEW = 4.0, 0.6
RSS_LIMIT_MANY = 90.0
LAG_LIMIT = 2.0
FAR_PERIOD = DnsSettings().far_ttl
"""Seconds from one query for a name that rests to the next; the first comes at a random time within."""
LAG = "lowatch_dns_lag_seconds"
QUERIES = "lowatch_dns_queries_total"


class Plan(NamedTuple):
    """many, few: numbers of names. periods: how many are measured.

    naive: for how many seconds a task per name runs. all: whether it runs with many names as well.
    """

    server: Nameserver
    folder: Path
    many: int
    few: int
    ttl: int
    periods: int
    naive: float
    all: bool = True

    @property
    def period(self) -> float:
        """Average seconds from one query for a name to the next, while it is asked for by its TTL.

        That is TTL + 1 s, half of the 5 % of jitter, and half of the second until the next tick.
        """
        return (self.ttl + 1) * 1.025 + 0.5

    @property
    def resting(self) -> float:
        """Seconds from the start of a daemon until its names rest, which lead elsewhere.

        That is when they are asked for next once they may, and have given enough equal answers.
        """
        return max(SETTLED_AFTER_START, (STEADY_ANSWERS - 2) * self.period) + 1.1 * self.period


def measure(plan: Plan) -> list[Row]:
    """Measures both daemons at the same time, once their names rest: nearly all lead elsewhere.

    All names are first queried within seconds, as after any start, and again a TTL later: the load comes in
    waves. When they begin to rest, that is spread over far_ttl. The names that lead here keep their TTL.
    """
    with ExitStack() as stack:
        processes = [_started(stack, plan, plan.many, 10048)]
        _compare_with_naive(plan, plan.few, plan.naive)
        processes.append(_started(stack, plan, plan.few, 10049))
        _until(time.monotonic() + plan.resting)
        many, few = _watch(processes, plan.periods * plan.period)
    rows = [
        *_judged(many, plan, plan.many, CPU_LIMIT_MANY, RSS_LIMIT_MANY),
        *_judged(few, plan, plan.few, CPU_LIMIT_FEW),
    ]
    if plan.all:
        _compare_with_naive(plan, plan.many, 1.5 * plan.naive)
    return rows


def _started(stack: ExitStack, plan: Plan, count: int, port: int) -> Process:
    """Starts a daemon and waits until it has queried every name once."""
    folder = plan.folder / str(count)
    folder.mkdir()
    file = folder / "names.txt"
    file.write_text("".join(f"{name}\n" for name in dns_zone.names(count)))
    toml = configuration([], plan.server, web_port=port, max_qps=MAX_QPS)
    toml += f'[[domains_from]]\npath = "{file}"\n'
    with dns_zone.as_client():
        running = stack.enter_context(lowatch(folder, toml, port))
    ready = running.until_answering("/-/ready") - running.started
    running.scraper.close()
    report.line(f"{count} names, max_qps = {MAX_QPS}: start -> ready", f"{ready:6.2f} s")
    return Process("lowatch", running)


class Look(NamedTuple):
    """A daemon at one moment. asked: queries so far. lags: upper bound -> count, see histogram()."""

    at: float
    asked: int
    lags: Mapping[float, int]

    @classmethod
    def at_metrics(cls, process: Process) -> Look:
        status, body = process.running.scraper.get("/metrics")
        process.running.scraper.close()  # idle connections are closed before the next Look
        assert status == 200, status
        text = body.decode()
        return cls(time.monotonic(), counted(text, QUERIES), histogram(text, LAG))


class Watched(NamedTuple):
    """A daemon over a period. usages: one for each second. resident, peak: MiB at the end."""

    usages: Sequence[Usage]
    before: Look
    after: Look
    resident: float
    peak: float

    @property
    def share(self) -> float:
        """CPU time in percent of a core."""
        return _share(self.usages[0], self.usages[-1])

    @property
    def busiest(self) -> float:
        """The same for the busiest second."""
        return max(map(_share, self.usages, self.usages[1:]))

    @property
    def wakeups(self) -> float:
        """Wake-ups per second."""
        first, last = self.usages[0], self.usages[-1]
        return (last.wakeups - first.wakeups) / (last.at - first.at)

    @property
    def rate(self) -> float:
        """Queries per second."""
        return (self.after.asked - self.before.asked) / (self.after.at - self.before.at)


def _share(sooner: Usage, later: Usage) -> float:
    return 100 * (later.cpu - sooner.cpu) / (later.at - sooner.at)


def _watch(processes: Sequence[Process], seconds: float) -> list[Watched]:
    before = [Look.at_metrics(process) for process in processes]
    time.sleep(1)  # the scrape does not count
    began = time.monotonic()
    usages = [[Usage.of(process.running.pid)] for process in processes]
    for second in range(1, math.ceil(seconds) + 1):
        _until(began + min(second, seconds))
        for process, seen in zip(processes, usages, strict=True):
            seen.append(Usage.of(process.running.pid))
    return [
        Watched(seen, then, Look.at_metrics(one), one.mebibytes("VmRSS"), one.mebibytes("VmHWM"))
        for one, seen, then in zip(processes, usages, before, strict=True)
    ]


def _until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def _judged(
    watched: Watched, plan: Plan, count: int, cpu_limit: float, rss_limit: float | None = None
) -> list[Row]:
    lag = quantile_limit(watched.before.lags, watched.after.lags, 0.99)
    share, rate, due = watched.share, watched.rate, 2 * count / FAR_PERIOD
    what = f"{count} names of TTL {plan.ttl}"
    report.line(
        f"lowatch, {what}",
        f"{share:6.2f} % of a core (busiest second {watched.busiest:.1f} %)   {watched.resident:.1f} MiB "
        f"(peak {watched.peak:.1f})   {watched.wakeups:.1f} wake-ups/s",
    )
    report.line(
        "  its schedule",
        f"{rate:6.0f} queries/s of {due:.0f}, {share * 1e4 / rate:.1f} us each   lag p99 at most {lag:g} s",
    )
    rows = [report.at_most(f"(e) CPU, {what}", share, cpu_limit, "{:.2f} %")]
    if rss_limit is not None:
        rows.append(report.at_most(f"(e) RSS, {what}", watched.resident, rss_limit, "{:.1f} MiB"))
    return [*rows, report.at_most(f"(e) lag p99, {what}", lag, LAG_LIMIT, "{:.2f} s", report.TAIL_NOISE)]


def counted(exposition: str, family: str) -> int:
    """The sum of all series of a counter."""
    found = re.findall(rf"^{family}(?:{{[^}}]*}})? (\S+)$", exposition, re.MULTILINE)
    return sum(int(float(count)) for count in found)


def histogram(exposition: str, family: str) -> dict[float, int]:
    """Upper bound -> samples up to it; empty if there is no such family."""
    found = re.findall(rf'^{family}_bucket{{le="([^"]+)"}} (\S+)$', exposition, re.MULTILINE)
    return {float(bound): int(float(count)) for bound, count in found}


def quantile_limit(before: Mapping[float, int], after: Mapping[float, int], share: float) -> float:
    """The bucket bound that `share` of the samples between two Looks do not exceed. NaN without samples."""
    between = {bound: after[bound] - before[bound] for bound in sorted(after)}
    if not between or not between[math.inf]:
        return math.nan
    return next(bound for bound, count in between.items() if count >= share * between[math.inf])


def _compare_with_naive(plan: Plan, count: int, seconds: float) -> None:
    server = plan.server
    command = [sys.executable, "-m", "bench.dns_naive", server.host]
    command += map(str, (server.port, count, plan.ttl, seconds))
    with dns_zone.as_client():
        kept = Kept(*json.loads(child.said(command)))
    due = count * seconds / plan.ttl
    missed = 100 * max(0.0, 1 - kept.answered / due)
    report.line(
        f"a task per name over dns.asyncresolver, {count}",
        f"{kept.cpu:6.2f} % of a core   {kept.mebibytes:.1f} MiB",
    )
    report.line(
        "  its schedule",
        f"missed {missed:.1f} % of {due / seconds:.0f} queries/s (A only), {kept.failed} failed   "
        f"lag p99 {kept.lag:.3f} s",
    )
