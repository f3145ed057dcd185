"""The whole daemon with many names, at the pace of their TTL; and a task per name, for comparison."""

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

from lowatch.config.settings import Nameserver

from . import child, dns_zone, report
from .daemon import configuration, lowatch
from .dns_naive import Kept
from .idle import Process, Usage
from .report import Row

MAX_QPS = 20_000
CPU_LIMIT_MANY, CPU_LIMIT_FEW = 4.0, 0.6
RSS_LIMIT_MANY = 90.0
LAG_LIMIT = 2.0
LAG = "lowatch_dns_lag_seconds"
QUERIES = "lowatch_dns_queries_total"


class Plan(NamedTuple):
    """many, few: names. periods: how many are measured. naive: seconds given to a task per name.

    all: whether that has to show itself with many names as well.
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
        """Seconds from one query for a name to the next, on average.

        TTL + 1 s, half of the 5 % of jitter, and half of the second by which the next tick may be away.
        """
        return (self.ttl + 1) * 1.025 + 0.5


def measure(plan: Plan) -> list[Row]:
    """Both daemons in the same span, begun so that what either asks for at once falls whole into it.

    All names are first asked for within seconds, as after any start, and so again a TTL later: the load
    comes in waves, which jitter spreads by and by. So whole periods are measured, from a calm on.
    """
    began = time.monotonic()
    with ExitStack() as stack:
        processes = [_started(stack, plan, plan.many, 10048)]
        _compare_with_naive(plan, plan.few, plan.naive)
        _until(began + 0.72 * plan.period)
        processes.append(_started(stack, plan, plan.few, 10049))
        _until(began + 1.78 * plan.period)
        many, few = _watch(processes, plan.periods * plan.period)
    rows = [
        *_judged(many, plan, plan.many, CPU_LIMIT_MANY, RSS_LIMIT_MANY),
        *_judged(few, plan, plan.few, CPU_LIMIT_FEW),
    ]
    if plan.all:
        _compare_with_naive(plan, plan.many, 1.5 * plan.naive)
    return rows


def _started(stack: ExitStack, plan: Plan, count: int, port: int) -> Process:
    """A daemon that has asked for every name once."""
    file = plan.folder / f"{count}.txt"
    file.write_text("".join(f"{name}\n" for name in dns_zone.names(count)))
    toml = configuration([], plan.server, web_port=port, max_qps=MAX_QPS)
    toml += f'[[domains_from]]\npath = "{file}"\n'
    with dns_zone.as_client():
        running = stack.enter_context(lowatch(plan.folder, toml, port))
    ready = running.until_answering("/-/ready") - running.started
    running.scraper.close()
    report.line(f"{count} names, max_qps = {MAX_QPS}: start -> ready", f"{ready:6.2f} s")
    return Process("lowatch", running)


class Look(NamedTuple):
    """A daemon at one moment. asked: queries so far. lags: how many by upper bound, see histogram()."""

    at: float
    asked: int
    lags: Mapping[float, int]

    @classmethod
    def at_metrics(cls, process: Process) -> Look:
        status, body = process.running.scraper.get("/metrics")
        process.running.scraper.close()  # it would be closed as idle before the next look
        assert status == 200, status
        text = body.decode()
        return cls(time.monotonic(), counted(text, QUERIES), histogram(text, LAG))


class Watched(NamedTuple):
    """A daemon over a span. usages: of each second. resident, peak: MiB, in the end."""

    usages: Sequence[Usage]
    before: Look
    after: Look
    resident: float
    peak: float

    @property
    def share(self) -> float:
        """Of a core, in percent."""
        return _share(self.usages[0], self.usages[-1])

    @property
    def busiest(self) -> float:
        """The same, of the second that took most."""
        return max(map(_share, self.usages, self.usages[1:]))

    @property
    def wakeups(self) -> float:
        """Per second."""
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
    time.sleep(1)  # the scrape is no part of it
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
    share, rate, due = watched.share, watched.rate, 2 * count / plan.period
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
    """A counter, over all its series."""
    found = re.findall(rf"^{family}(?:{{[^}}]*}})? (\S+)$", exposition, re.MULTILINE)
    return sum(int(float(count)) for count in found)


def histogram(exposition: str, family: str) -> dict[float, int]:
    """Samples up to each bound, cumulative; empty where there is no such family."""
    found = re.findall(rf'^{family}_bucket{{le="([^"]+)"}} (\S+)$', exposition, re.MULTILINE)
    return {float(bound): int(float(count)) for bound, count in found}


def quantile_limit(before: Mapping[float, int], after: Mapping[float, int], share: float) -> float:
    """What `share` of the samples between two looks at a histogram do not exceed: the bound of a bucket.

    Not a number where there were none.
    """
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
