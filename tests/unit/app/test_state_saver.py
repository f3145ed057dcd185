"""What is saved is one moment's state, the latest, and never an older one over it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.app import state_saver
from lowatch.app.state_saver import SavedState, StateSaver, as_delivered
from lowatch.core.findings import Finding, FindingKind, Subject
from lowatch.core.lifecycle import FindingState, Remembered, Tracked
from lowatch.files.threads import DaemonThreads, NoThreadError
from tests.support.aio import run_async
from tests.support.inline_threads import InlineThreads
from tests.support.virtual_time import LoopClock, run_virtually

FIRING = Tracked(
    Finding(Subject(FindingKind.ORPHAN_VIP), "dead"), FindingState.FIRING, 5.0, 1.0, announced=True
)
RESOLVED = replace(FIRING, state=FindingState.RESOLVED, present=False)
KEY = FIRING.finding.subject.key


class Disk:
    """A StateStore. saved: every state that was written, in order. generations: with each."""

    def __init__(self) -> None:
        self.saved: list[Mapping[str, Tracked]] = []
        self.generations: list[int] = []
        self.generation = 0

    def load(self) -> Sequence[Remembered]:
        return ()

    def end_generation(self) -> int:
        self.generation += 1
        return self.generation

    def save(self, tracked: Mapping[str, Tracked], generation: int) -> bool:
        self.saved.append(tracked)
        self.generations.append(generation)
        return True


class Source:
    """A StateSource: how many findings are tracked is the time of the state."""

    def __init__(self) -> None:
        self.now = 0

    def state(self) -> SavedState:
        return state(self.now)


def state(time: int) -> SavedState:
    return SavedState({str(number): FIRING for number in range(time)}, ())


class HeldThreads(InlineThreads):
    """Threads that get no processor yet: `begun` has what they are to do."""

    def __init__(self) -> None:
        self.begun: list[Callable[[], Any]] = []

    async def run_blocking(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        self.begun.append(lambda: function(*args, **kwargs))
        await asyncio.get_running_loop().create_future()

    def run_within(self, seconds: float, work: Callable[[], None]) -> None:
        self.begun.append(work)


@given(st.permutations(range(6)))
def test_whichever_thread_is_first_the_latest_is_written_last(order: list[int]) -> None:
    disk, threads = Disk(), HeldThreads()
    saver = StateSaver(disk, threads, LoopClock())
    for time in range(6):
        saver.save_at_last(state(time))
    for number in order:
        threads.begun[number]()
    written = [len(saved) for saved in disk.saved]
    assert written == sorted(written)
    assert written[-1] == 5


def test_a_thread_that_was_left_at_work_does_not_undo_the_last_save() -> None:
    """The daemon is cancelled while a thread has yet to begin; what it was given is older."""
    disk, threads, source = Disk(), HeldThreads(), Source()

    async def scenario() -> None:
        saver = StateSaver(disk, threads, LoopClock())
        async with asyncio.TaskGroup() as group:
            task = group.create_task(saver.run(source))
            source.now = 1
            saver.save_soon()
            await asyncio.sleep(1.0)
            task.cancel()
        source.now = 2
        saver.save_at_last(source.state())
        late, last = threads.begun
        last()
        late()

    run_virtually(scenario())
    assert [len(saved) for saved in disk.saved] == [2]


def test_one_write_at_a_time_and_in_order() -> None:
    """The disk is slow, and the last save begins while another thread is writing."""
    writing, go_on = threading.Event(), threading.Event()

    class SlowDisk(Disk):
        def save(self, tracked: Mapping[str, Tracked], generation: int) -> bool:
            if not writing.is_set():
                writing.set()
                assert go_on.wait(60)
            return super().save(tracked, generation)

    disk, threads = SlowDisk(), HeldThreads()
    saver = StateSaver(disk, threads, LoopClock())
    saver.save_at_last(state(0))
    saver.save_at_last(state(1))
    late, last = (threading.Thread(target=work) for work in threads.begun)
    late.start()
    assert writing.wait(60)
    last.start()
    last.join(0.1)
    assert disk.saved == []
    go_on.set()
    late.join()
    last.join()
    assert [len(saved) for saved in disk.saved] == [0, 1]


def test_what_was_saved_is_of_the_moment_at_which_its_generation_ended() -> None:
    """What changes while the disk is at work is in the next state, and so is what is delivered then."""
    disk, source = Disk(), Source()

    async def scenario() -> None:
        saver = StateSaver(disk, InlineThreads(), LoopClock())
        async with asyncio.TaskGroup() as group:
            task = group.create_task(saver.run(source))
            for time in (1, 2, 3):
                source.now = time
                saver.save_soon()
                await asyncio.sleep(10.0)
            task.cancel()

    run_virtually(scenario())
    assert [len(saved) for saved in disk.saved] == [1, 2, 3]
    assert disk.generations == [1, 2, 3]


def test_many_changes_are_one_save() -> None:
    disk, source = Disk(), Source()

    async def scenario() -> None:
        saver = StateSaver(disk, InlineThreads(), LoopClock())
        async with asyncio.TaskGroup() as group:
            task = group.create_task(saver.run(source))
            for _ in range(100):
                source.now += 1
                saver.save_soon()
                await asyncio.sleep(0.0001)
            await asyncio.sleep(10.0)
            task.cancel()

    run_virtually(scenario())
    assert len(disk.saved) == 1
    assert len(disk.saved[-1]) == 100


def test_without_a_thread_it_is_saved_later() -> None:
    disk, source = Disk(), Source()

    class NoThreads(InlineThreads):
        refusing = True

        async def run_blocking(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
            if self.refusing:
                raise NoThreadError("no thread")
            return await super().run_blocking(function, *args, **kwargs)

    async def scenario() -> None:
        threads = NoThreads()
        saver = StateSaver(disk, threads, LoopClock())
        async with asyncio.TaskGroup() as group:
            task = group.create_task(saver.run(source))
            saver.save_soon()
            await asyncio.sleep(60.0)
            assert disk.saved == []
            threads.refusing, source.now = False, 1
            await asyncio.sleep(60.0)
            task.cancel()

    run_virtually(scenario())
    assert [len(saved) for saved in disk.saved] == [1]


def test_what_could_not_be_written_is_written_as_soon_as_the_disk_has_room() -> None:
    """Nothing else changes meanwhile: whoever is killed an hour later must be remembered all the same."""

    class FullDisk(Disk):
        def save(self, tracked: Mapping[str, Tracked], generation: int) -> bool:
            return asyncio.get_running_loop().time() > 1_060.0 and super().save(tracked, generation)

    disk, source = FullDisk(), Source()

    async def scenario() -> None:
        saver = StateSaver(disk, InlineThreads(), LoopClock())
        source.now = 1
        saver.save_soon()
        with suppress(TimeoutError):
            async with asyncio.timeout(300.0):
                await saver.run(source)

    run_virtually(scenario())
    assert [len(saved) for saved in disk.saved] == [1]


def test_after_a_disk_that_hung_for_long_the_next_state_is_saved_soon() -> None:
    class SlowThreads(InlineThreads):
        async def run_blocking(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
            await asyncio.sleep(600.0)
            return function(*args, **kwargs)

    disk, source = Disk(), Source()

    async def scenario() -> None:
        saver = StateSaver(disk, SlowThreads(), LoopClock())
        saver.save_soon()
        asyncio.get_running_loop().call_later(300.0, saver.save_soon)
        with suppress(TimeoutError):
            async with asyncio.timeout(1_220.0):
                await saver.run(source)

    run_virtually(scenario())
    assert len(disk.saved) == 2


def test_a_disk_that_hangs_is_not_waited_for_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_saver, "_LAST_SAVE", 0.05)
    back = threading.Event()

    class HangingDisk(Disk):
        def save(self, tracked: Mapping[str, Tracked], generation: int) -> bool:
            return back.wait(60)

    StateSaver(HangingDisk(), DaemonThreads(), LoopClock()).save_at_last(state(0))
    assert not back.is_set()
    back.set()


def test_at_the_end_it_is_on_the_disk() -> None:
    disk = Disk()

    async def scenario() -> None:
        StateSaver(disk, DaemonThreads(), LoopClock()).save_at_last(state(3))

    run_async(scenario())
    assert [len(saved) for saved in disk.saved] == [3]


def test_where_nothing_waits_it_is_what_is_tracked() -> None:
    tracked = {KEY: FIRING}
    assert as_delivered(SavedState(tracked, [])) is tracked


def test_what_fires_and_waits_was_not_announced() -> None:
    accepted = replace(FIRING, state=FindingState.ACKNOWLEDGED)
    for one in (FIRING, accepted):
        assert as_delivered(SavedState({KEY: one}, [FIRING])) == {KEY: replace(one, announced=False)}


def test_what_is_resolved_and_waits_fires_still_for_all_that_anybody_knows() -> None:
    firing = {KEY: replace(RESOLVED, state=FindingState.FIRING, announced=True)}
    assert as_delivered(SavedState({}, [RESOLVED])) == firing
    again = replace(FIRING, state=FindingState.PENDING, announced=False)
    assert as_delivered(SavedState({KEY: again}, [RESOLVED]))[KEY].announced


def test_the_first_that_waits_decides() -> None:
    assert as_delivered(SavedState({}, [FIRING, RESOLVED])) == {}
    not_announced = {KEY: replace(FIRING, announced=False)}
    assert as_delivered(SavedState({KEY: FIRING}, [FIRING, RESOLVED, FIRING])) == not_announced
    assert as_delivered(SavedState({KEY: FIRING}, [RESOLVED, FIRING]))[KEY].announced


def test_what_an_earlier_process_may_have_delivered_is_still_to_be_resolved() -> None:
    """Announced once more by this process, gone since, and journald took neither entry."""
    in_doubt = replace(FIRING, delivery_unknown=True)
    assert as_delivered(SavedState({}, [in_doubt, RESOLVED])) == {KEY: in_doubt}
