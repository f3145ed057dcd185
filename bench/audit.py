"""(a) A full audit without DNS: 10,000 addresses, listeners and domains, compared with `ip` and `ss`."""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

from lowatch.app.auditor import Auditor
from lowatch.app.auditor_hints import AuditorHints
from lowatch.app.static_resolver import StaticResolver
from lowatch.core.addresses import Address, Port
from lowatch.core.answers import Answer, AnswerStatus, RRset
from lowatch.core.held import Delivery
from lowatch.core.judgement import judge
from lowatch.core.known import Unknown
from lowatch.core.listeners import Endpoint, Listener
from lowatch.core.policy import Domain, Policy
from lowatch.core.verdicts import Verdict
from lowatch.kernel.host import Host
from lowatch.kernel.probe import PatientProber
from lowatch.report.metrics.instruments import Build, Instruments
from lowatch.wiring import SystemClock, collect_rarely
from tests.support.netns import Netns

from . import report, world
from .report import Row
from .stats import paired_ratios, summarise

COUNT = 10_000
RUNS = 11

T = TypeVar("T")
LIMIT = 4.0
"""Of the first audit, which asks the kernel about each name, one by one; that of a sweep is half of it."""
DELETION_LIMIT = 0.2
"""Of the audit after one address was deleted, as a share of a sweep."""
PEERS = (["ip", "-j", "address"], ["ss", "-Hltn"])


class TimedHost(Host):
    """A Host that measures its answers. spent: question -> seconds in total."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self.spent: dict[str, float] = {}

    def deliveries(self, addresses: Sequence[Address]) -> list[Delivery | Unknown]:
        return self._timed("locality", super().deliveries)(addresses)

    def listeners(self, endpoints: Sequence[Endpoint]) -> list[Listener | Unknown | None]:
        return self._timed("listeners", super().listeners)(endpoints)

    def refresh(self) -> None:
        self._timed("dumps", super().refresh)()

    def _timed(self, question: str, ask: Callable[..., T]) -> Callable[..., T]:
        def timed(*arguments: Any) -> T:
            began = time.perf_counter()
            try:
                return ask(*arguments)
            finally:
                self.spent[question] = self.spent.get(question, 0) + time.perf_counter() - began

        return timed


class Setting(NamedTuple):
    """What is audited. runs: how often each figure is measured."""

    size: int
    runs: int
    policy: Policy
    resolver: StaticResolver

    @classmethod
    def of(cls, count: int, runs: int) -> Setting:
        domains = {name: Domain(name, (Port(world.PORT, "tcp"),), any_of=False) for name in names(count)}
        answers = [
            Answer(name, RRset(AnswerStatus.RESOLVED, (world.address(number),)), RRset(AnswerStatus.NODATA))
            for number, name in enumerate(names(count))
        ]
        return cls(count, runs, Policy(domains=domains), StaticResolver(answers))

    def auditor(self, host: Host, *, confirm: bool = True) -> Auditor:
        policy = replace(self.policy, probe=confirm)
        return Auditor(host, self.resolver, PatientProber(), policy, SystemClock(), "bench")


def names(count: int) -> list[str]:
    return [f"d{number}.bench.example" for number in range(count)]


def run(*, quick: bool) -> list[Row]:
    return measure(Setting.of(COUNT // 10 if quick else COUNT, 3 if quick else RUNS))


def measure(setting: Setting) -> list[Row]:
    collect_rarely()  # as `check` and `run` do
    report.title(f"(a) A full audit, DNS apart: {setting.size} addresses, listeners, domains")
    with Netns() as netns, netns.entered(), closing(world.Lo()) as lo:
        lo.fill(setting.size)
        with world.listening(setting.size):
            rows = asyncio.run(_against_peers(setting))
            asyncio.run(_split(setting))
        with world.listening(setting.size - 1):
            rows += asyncio.run(_incremental(setting, lo))
        asyncio.run(_orphaned(setting))
    return rows


class Cost(NamedTuple):
    """Seconds of wall time, and of CPU time, which depends less on other processes."""

    wall: float
    cpu: float

    @classmethod
    def so_far(cls, who: int) -> Cost:
        """who: resource.RUSAGE_SELF, or RUSAGE_CHILDREN for children that have ended."""
        used = resource.getrusage(who)
        return cls(time.perf_counter(), used.ru_utime + used.ru_stime)

    def until(self, now: Cost) -> Cost:
        return Cost(now.wall - self.wall, now.cpu - self.cpu)


async def _against_peers(setting: Setting) -> list[Row]:
    """Measures in turn the first audit, a sweep by an Auditor that has audited before, and the peers."""
    firsts, sweeps, peers = [], [], []
    with closing(Host(setting.policy)) as host:
        auditor = setting.auditor(host)
        for _ in range(setting.runs + 1):
            firsts.append(await _first(setting))
            host.invalidate()
            auditor.mark_all()
            sweeps.append(await _audit(auditor))
            peers.append(_ask_peers(setting))
    commands = " + ".join(map(" ".join, PEERS))
    for what, costs in (("first audit, on a fresh Host", firsts), ("sweep", sweeps), (commands, peers)):
        del costs[0]  # the warm-up
        report.line(what, report.milliseconds(summarise([cost.wall for cost in costs])))
        report.line("  of CPU", report.milliseconds(summarise([cost.cpu for cost in costs])))
    return [
        *_ratios("first audit / (ip + ss)", firsts, peers, LIMIT),
        *_ratios("sweep / (ip + ss)", sweeps, peers, LIMIT / 2),
    ]


def _ratios(what: str, ours: Sequence[Cost], peers: Sequence[Cost], limit: float) -> list[Row]:
    wall = paired_ratios([cost.wall for cost in ours], [cost.wall for cost in peers])
    cpu = paired_ratios([cost.cpu for cost in ours], [cost.cpu for cost in peers])
    report.line(f"{what}, pair by pair", f"{wall.median:8.2f}      ({wall.least:.2f} to {wall.most:.2f})")
    report.line("  of CPU", f"{cpu.median:8.2f}      ({cpu.least:.2f} to {cpu.most:.2f})")
    return [report.at_most(f"(a) {what}", wall.median, limit, "{:.2f}")]


async def _first(setting: Setting, expected: Verdict = Verdict.SERVED, *, confirm: bool = True) -> Cost:
    """The cost of a first audit. All its verdicts must be the expected one."""
    with closing(Host(setting.policy)) as host:
        auditor = setting.auditor(host, confirm=confirm)
        cost = await _audit(auditor)
        _, judgement = await auditor.audit_with_connects()
    found = Counter(e.verdict for judged in judgement.domains.values() for e in judged.endpoints)
    assert found == {expected: setting.size}, found
    return cost


async def _audit(auditor: Auditor) -> Cost:
    gc.collect()  # garbage of earlier runs does not count
    began = Cost.so_far(resource.RUSAGE_SELF)
    await auditor.audit_with_connects()
    return began.until(Cost.so_far(resource.RUSAGE_SELF))


def _ask_peers(setting: Setting) -> Cost:
    """The cost of both commands. Their output is read through a pipe, as by a script."""
    began = Cost.so_far(resource.RUSAGE_CHILDREN)
    said = [subprocess.run(peer, stdout=subprocess.PIPE, check=True).stdout for peer in PEERS]
    cost = began.until(Cost.so_far(resource.RUSAGE_CHILDREN))
    held = sum(len(link["addr_info"]) for link in json.loads(said[0]))
    assert held >= setting.size, held
    assert said[1].count(b"\n") == setting.size, said[1].count(b"\n")
    return cost


async def _split(setting: Setting) -> None:
    """Shows the parts of a full audit's time. To measure judging, the same snapshot is judged once more."""
    spent: dict[str, list[float]] = {}
    for _ in range(setting.runs):
        with closing(TimedHost(setting.policy)) as host:
            auditor = setting.auditor(host)
            gc.collect()
            began = time.perf_counter()
            snapshot, _ = await auditor.audit_with_connects()
            whole = time.perf_counter() - began
        began = time.perf_counter()
        judge(snapshot, setting.policy)
        parts = {**host.spent, "judge": time.perf_counter() - began}
        parts["the rest: tables, views, index"] = whole - sum(parts.values())
        for part, seconds in parts.items():
            spent.setdefault(part, []).append(seconds)
    for part, samples in spent.items():
        report.line(f"  of it: {part}", report.milliseconds(summarise(samples)))


class _Woken:
    """Stands for the daemon that AuditorHints wakes, and can be awaited. Clients are not its concern."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def wake(self) -> None:
        self._event.set()

    def client_closed(self, *_: object) -> None: ...

    def clients_lost(self) -> None: ...

    def listener_comes(self, *_: object) -> None: ...

    def listeners_lost(self) -> None: ...

    def unit_starts(self) -> None: ...

    async def wait(self) -> None:
        async with asyncio.timeout(5):
            await self._event.wait()
        await asyncio.sleep(0.005)  # an address brings two events: its own and its route's
        self._event.clear()


_DELETED = "audit after an address was deleted"
_QUIET_SWEEP = "a sweep where nothing changed"
_SWEEPS = ("a sweep after events", _QUIET_SWEEP)


async def _incremental(setting: Setting, lo: world.Lo) -> list[Row]:
    """Measures the audit after one event, on a Host that follows events."""
    last = setting.size - 1
    taken: dict[str, list[Cost]] = {}
    with closing(Host(setting.policy)) as host, ExitStack() as stack:
        auditor, woken = setting.auditor(host), _Woken()
        host.follow([Port(world.PORT, "tcp")], AuditorHints(auditor, woken, Instruments(Build("bench"))))

        async def audit(what: str) -> None:
            taken.setdefault(what, []).append(await _audit(auditor))

        for _ in range(setting.runs + 1):
            listener = stack.enter_context(closing(world.Listeners(last)))
            auditor.poll()
            await audit("audit after a listener came")
            lo.delete(last)
            await woken.wait()
            await audit(_DELETED)
            lo.add(last)
            await woken.wait()
            await audit("audit after an address was added")
            listener.close()
            await woken.wait()
            await audit("audit after a listener closed, and a connect")
            for sweep in _SWEEPS:
                host.invalidate()
                auditor.mark_all()
                await audit(sweep)
    rows = []
    cpu: dict[str, float] = {}
    for what, costs in taken.items():
        del costs[0]  # the warm-up
        report.line(what, report.milliseconds(summarise([cost.wall for cost in costs])))
        cpu[what] = summarise([cost.cpu for cost in costs]).median
        if what not in _SWEEPS:
            rows.append(Row(f"(a) CPU of the {what}", f"{cpu[what] * 1e3:.1f} ms"))
    ratio = cpu[_DELETED] / cpu[_QUIET_SWEEP]
    return [*rows, report.at_most(f"(a) CPU of the {_DELETED} / a sweep", ratio, DELETION_LIMIT, "{:.2f}")]


async def _orphaned(setting: Setting) -> None:
    """Measures audits that find every endpoint orphaned: the largest possible report."""
    runs = max(3, setting.runs // 2)
    for what, confirm in (("each confirmed by a connect", True), ('probe = "off"', False)):
        samples = [(await _first(setting, Verdict.ORPHAN, confirm=confirm)).wall for _ in range(runs + 1)]
        report.line(f"all orphaned, {what}", report.milliseconds(summarise(samples[1:])))
