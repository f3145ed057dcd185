"""What is saved of the findings at whatever moment the saving thread looks: no alert is ever lost."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType, SimpleNamespace
from typing import Any

import pytest

from lowatch.app.daemon import Daemon
from lowatch.core.clock import (
    Now,
)
from lowatch.core.findings import Finding, FindingKind, Subject
from lowatch.core.judgement import Judgement
from lowatch.core.lifecycle import (
    Remembered,
    State,
    Tracked,
)
from tests.support.aio import run_async
from tests.unit.app.scripted import policy_of

HOLD_OVER = Now(1000.0, 1e9)


def finding(number: int) -> Finding:
    return Finding(Subject(FindingKind.ORPHAN_VIP, domain=f"n{number}.example.com"), "nothing serves it")


def firing(number: int, since: float = 1e9) -> Tracked:
    return Tracked(finding(number), State.FIRING, since, 0.0, announced=True)


class Outside:
    """A Clock, an AlertSink and a StateStore: what was told, and what was saved last."""

    def __init__(self) -> None:
        self.told: list[Tracked] = []
        self.untold: Sequence[Tracked] = ()
        self.saved: Mapping[str, Tracked] = {}
        self.daemon = Daemon(
            auditor=SimpleNamespace(recall=lambda _: None),  # type: ignore[arg-type]  # none of these is asked here
            host=SimpleNamespace(),  # type: ignore[arg-type]
            resolver=SimpleNamespace(),  # type: ignore[arg-type]
            policy=policy_of(hold=0.0),
            clock=self,
            alerts=self,  # type: ignore[arg-type]
            store=self,
            meter=SimpleNamespace(),  # type: ignore[arg-type]
        )

    def now(self) -> Now:
        return HOLD_OVER

    def announce(self, tracked: Tracked, _now: Now) -> None:
        self.told.append(tracked)

    def load(self) -> Sequence[Remembered]:
        return ()

    def turn(self) -> int:
        return 0

    def forget(self, turn: int) -> None:
        pass

    def save(self, tracked: Mapping[str, Tracked]) -> None:
        self.saved = tracked


@contextmanager
def between_all_lines_of(names: set[str], look: Callable[[], None]) -> Iterator[None]:
    """As a thread might: look before each line of these functions of Daemon's."""

    def each_line(_frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line":
            sys.settrace(None)
            look()
            sys.settrace(each_call)
        return each_line

    def each_call(frame: FrameType, _event: str, _argument: Any) -> Any:
        ours = frame.f_code.co_filename == Daemon.run.__code__.co_filename
        return each_line if ours and frame.f_code.co_name in names else None

    before = sys.gettrace()
    sys.settrace(each_call)
    try:
        yield
    finally:
        sys.settrace(before)


def test_at_no_moment_is_saved_as_announced_what_was_not() -> None:
    outside = Outside()
    daemon = outside.daemon

    def look() -> None:
        daemon._save()
        told = {one.finding.subject.key for one in outside.told}
        assert {key for key, one in outside.saved.items() if one.announced} <= told
        looks.append(len(told))

    async def scenario() -> None:
        with between_all_lines_of({"_move_findings", "_announce"}, look):
            await daemon._move_findings({one.key for one in shown})
            while daemon._unannounced:
                await daemon._announce()

    looks: list[int] = []
    shown = [finding(number) for number in range(40)]
    daemon._latest = (SimpleNamespace(), Judgement({}, shown, ()))  # type: ignore[assignment]
    run_async(scenario())
    assert set(looks) == set(range(41))
    daemon._save()
    assert sum(one.announced for one in outside.saved.values()) == 40


def test_while_some_are_to_be_announced_nobody_lists_what_waits() -> None:
    """A hundred thousand may, and 32 are announced at a time."""

    class Storm(Outside):
        listed = 0

        @property
        def untold(self) -> Sequence[Tracked]:  # type: ignore[override]
            self.listed += 1
            return [firing(1)]

        @untold.setter
        def untold(self, _nobody: Sequence[Tracked]) -> None:
            pass

    storm = Storm()
    storm.daemon._saved_untold = True
    storm.daemon._unannounced.extend([firing(number) for number in range(100)])

    async def scenario() -> None:
        while storm.daemon._unannounced:
            await storm.daemon._announce()

    run_async(scenario())
    assert (len(storm.told), storm.listed) == (100, 1)


def test_what_the_sink_has_was_announced_before_what_is_still_to_be() -> None:
    outside = Outside()
    first, again = firing(1), firing(1, since=1e9 + 60)
    key = first.finding.subject.key
    outside.untold = [replace(first, state=State.RESOLVED, present=False)]
    outside.daemon._unannounced.extend([again])
    outside.daemon._tracked = {key: again}
    outside.daemon._save()
    assert (outside.saved[key].since, outside.saved[key].announced) == (first.since, True)
    outside.untold = [first]
    outside.daemon._unannounced.pop()
    outside.daemon._unannounced.extend([replace(first, state=State.RESOLVED, present=False)])
    outside.daemon._tracked = {}
    outside.daemon._save()
    assert outside.saved == {}


def test_a_late_thread_never_writes_what_is_older() -> None:
    outside = Outside()
    writing, go_on = threading.Event(), threading.Event()
    written: list[int] = []

    def slow_disk(tracked: Mapping[str, Tracked]) -> None:
        if not writing.is_set():
            writing.set()
            assert go_on.wait(5)
        written.append(len(tracked))

    outside.save = slow_disk  # type: ignore[method-assign]
    late = threading.Thread(target=outside.daemon._save)
    late.start()
    assert writing.wait(5)
    outside.daemon._tracked = {"new": firing(1)}
    last = threading.Thread(target=outside.daemon._save)
    last.start()
    last.join(0.1)
    go_on.set()
    late.join()
    last.join()
    assert written == [0, 1]


def test_a_disk_that_hangs_is_not_waited_for_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lowatch.app.daemon._LAST_SAVE", 0.05)
    outside, back = Outside(), threading.Event()
    outside.save = lambda _: assert_true(back.wait(60))  # type: ignore[method-assign]
    outside.daemon._save_at_last()
    assert not back.is_set()
    back.set()


def assert_true(found: bool) -> None:
    assert found
