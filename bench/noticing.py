"""(b) Noticing: measures the time from an event to the metric of the real daemon.

The time begins just before SIGKILL, just before listen(), or when the kernel has added the address. It ends
with the scrape that shows the result. /metrics is scraped every millisecond after the event. Refused
clients are in refusals.py.
"""

from __future__ import annotations

import heapq
import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple, Self

from tests.support.dns_server import Knot
from tests.support.netns import Netns
from tests.support.tracefs import instance, missing

from . import refusals, report, world
from .daemon import configuration, lowatch
from .report import Row
from .stats import summarise

TIMES = 200
ZONE = "bench.example"
LIMITS = {"listener killed -> 1": 0.05, "address added -> 1": 0.05, "listener back -> 0": 0.3}
KILLED, ADDED, BACK = LIMITS
REFUSED_LIMIT = 0.1

AT_ONCE = (0.02, 0.12)
APART = (0.3, 0.6)
LATER = (2.3, 2.5)
"""Seconds between events, from and to. AT_ONCE: the daemon still pauses after its last audit. LATER: the
daemon polls less often for a listener that is down for longer."""


Script = Generator[None, None, None]
"""Causes events, and yields when time has to pass."""


class Stage:
    """A host with `count` addresses and domains, and a daemon that watches it, in a namespace of its own.

    Domain 0 loses and regains its listener. Domain 1 loses and regains its address, and never has a
    listener. The others are served. taken: event -> seconds until each was seen. scrapes: seconds of each.
    """

    def __init__(self, count: int, *, traced: bool = False) -> None:
        """traced: whether it is handed a trace."""
        self.taken: dict[str, list[float]] = {}
        self.scrapes: list[float] = []
        self._stack = ExitStack()
        try:
            self._netns = self._stack.enter_context(Netns())
            with self._netns.entered():
                self._set_up(count, traced=traced)
        except BaseException:
            self.close()
            raise

    def _set_up(self, count: int, *, traced: bool) -> None:
        enter = self._stack.enter_context
        self.lo = enter(closing(world.Lo()))
        self.lo.fill(count)
        self.lo.delete(1)
        enter(world.listening(count - 2, first=2))
        folder = Path(enter(tempfile.TemporaryDirectory(prefix="lowatch-bench-")))
        records = "\n".join(f"d{number} 3600 A {world.text(number)}" for number in range(count))
        knot = enter(Knot({ZONE: records}))
        domains = [f"{_name(number)}:{world.PORT}" for number in range(count)]
        text = configuration(domains, knot.nameserver, max_qps=10_000)
        stdin = self._trace() if traced else subprocess.DEVNULL
        self._daemon = enter(lowatch(folder, text, stdin=stdin))
        self._daemon.until_answering("/-/ready")

    def _trace(self) -> int:
        """A descriptor of trace_pipe, for as long as this exists."""
        at = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="lowatch-trace-")))
        made = self._stack.enter_context(instance(at))
        return self._stack.enter_context((made / "trace_pipe").open("rb", buffering=0)).fileno()

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def until(self, number: int, value: int | None) -> float:
        """CLOCK_MONOTONIC seconds when lo_orphan_vip was seen to be `value`, or gone (None)."""
        seen, took = self._daemon.until_orphan_is(_name(number), value)
        self.scrapes += took
        return seen

    def note(self, event: str, seconds: float) -> None:
        self.taken.setdefault(event, []).append(seconds)

    def play_on(self, script: Script) -> None:
        with self._netns.entered():
            next(script)


def _name(number: int) -> str:
    return f"d{number}.{ZONE}"


def _events(stage: Stage) -> Script:
    """Causes each event in turn, endlessly."""
    while True:
        with closing(world.Listeners(0)) as listener:
            stage.note(BACK, stage.until(0, 0) - listener.since)
            yield
            killed = listener.kill()
            stage.note(KILLED, stage.until(0, 1) - killed)
            yield
        added = stage.lo.add(1)
        stage.note(ADDED, stage.until(1, 1) - added)
        yield
        stage.lo.delete(1)
        stage.until(1, None)
        yield


def _returns(stage: Stage) -> Script:
    """The listener comes back after a while, and goes again, endlessly."""
    while True:
        yield
        with closing(world.Listeners(0)) as listener:
            stage.note(BACK, stage.until(0, 0) - listener.since)
        stage.until(0, 1)


class Series(NamedTuple):
    """Figures that are measured together.

    stages: how many namespaces run side by side. back: the limit of a listener that comes back (seconds).
    """

    where: str
    domains: int
    stages: int
    script: Callable[[Stage], Script]
    pause: tuple[float, float]
    judged: bool = True
    traced: bool = False
    back: float = LIMITS[BACK]


SERIES = (
    Series("3 domains", 3, 4, _events, APART),
    Series("1,000 domains", 1_000, 4, _events, APART),
    Series("1,000 domains, in a burst", 1_000, 1, _events, AT_ONCE, judged=False),
    Series("3 domains, down for over 2 s", 3, 8, _returns, LATER),
    Series("3 domains, down for over 2 s, with a trace", 3, 8, _returns, LATER, traced=True, back=0.005),
)


def run(*, quick: bool) -> list[Row]:
    times = TIMES // 10 if quick else TIMES
    report.title(f"(b) Noticing: event -> lo_orphan_vip, {times} times each")
    lacking = missing()
    if lacking:
        report.line("with a trace", f"not measured: {lacking}")
    possible = [series for series in SERIES if not (series.traced and lacking)]
    rows = [row for series in possible for row in _measure(series, times)]
    refused = refusals.measure(times // 2)
    return [*rows, *(_show(event, samples, REFUSED_LIMIT) for event, samples in refused.items())]


def _measure(series: Series, times: int) -> list[Row]:
    with ExitStack() as stack:
        stages = [
            stack.enter_context(Stage(series.domains, traced=series.traced)) for _ in range(series.stages)
        ]
        _play(stages, series, times)
    taken: dict[str, list[float]] = {}
    for stage in stages:
        for event, samples in stage.taken.items():
            taken.setdefault(event, []).extend(samples)
    rows = []
    for event, samples in taken.items():
        limit = series.back if event == BACK else LIMITS[event]
        row = _show(f"{event}, {series.where}", samples, limit)
        if series.judged:
            rows.append(row)
    _show("  one scrape (included)", [s for stage in stages for s in stage.scrapes], 1)
    return rows


def _play(stages: Sequence[Stage], series: Series, times: int) -> None:
    """Continues each stage when its pause is over, until all together have had each event `times` times."""
    begun = [(0.0, place, stage, series.script(stage)) for place, stage in enumerate(stages)]
    due = list(begun)
    while sum(len(stage.taken.get(BACK, ())) for stage in stages) < times + len(stages):
        at, place, stage, script = heapq.heappop(due)
        time.sleep(max(0.0, at - time.monotonic()))
        stage.play_on(script)
        pause = random.uniform(*series.pause)
        heapq.heappush(due, (time.monotonic() + pause, place, stage, script))
    for _, _, _, script in begun:
        script.close()


def _show(what: str, samples: Sequence[float], limit: float) -> Row:
    found = summarise(samples)
    figures = (found.median, found.p99, found.most)
    report.line(what, "p50 {:6.1f}   p99 {:6.1f}   most {:6.1f} ms".format(*(1e3 * one for one in figures)))
    what = f"(b) {what}: p99"
    return report.at_most(what, found.p99 * 1e3, limit * 1e3, "{:.0f} ms", report.TAIL_NOISE)
