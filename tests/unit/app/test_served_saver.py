"""When it is saved who serves each endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from lowatch.app.served_saver import ServedSaver
from lowatch.core.served_state import ServedState
from lowatch.files.threads import NoThreadError
from tests.support.inline_threads import InlineThreads
from tests.support.virtual_time import LoopClock, run_virtually
from tests.unit.app.served_memory import ServedMemory


class Source:
    """A ServedSource: each state has the time at which it was asked for."""

    def served(self) -> ServedState | None:
        return ServedState(asyncio.get_running_loop().time(), {}, {})


class NothingYet:
    def served(self) -> ServedState | None:
        return None


Script = Sequence[tuple[float, Callable[[ServedSaver], None]]]


def saved(
    script: Script, until: float, store: ServedMemory, threads: Any = None, source: Any = None
) -> list[float]:
    """The seconds of the states that were saved."""

    async def scenario() -> list[float]:
        loop = asyncio.get_running_loop()
        start = loop.time()
        saver = ServedSaver(store, threads or InlineThreads(), LoopClock())
        for seconds, happens in script:
            loop.call_at(start + seconds, happens, saver)
        task = loop.create_task(saver.run(source or Source()))
        await asyncio.sleep(until)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return [round(state.at - start, 3) for state in store.saved]

    return run_virtually(scenario())


def audited(changes: int) -> Callable[[ServedSaver], None]:
    return lambda saver: saver.audited(changes)


def test_a_change_is_saved_after_a_while_together_with_others() -> None:
    script = [(float(second), audited(second)) for second in range(1, 5)]
    assert saved(script, 100.0, ServedMemory()) == [6.0]


def test_sweeps_that_find_nothing_new_save_nothing() -> None:
    script = [(1.0, audited(1)), *((30.0 * n, audited(1)) for n in range(1, 100))]
    assert saved(script, 3000.0, ServedMemory()) == [6.0]


def test_it_is_saved_again_once_an_hour() -> None:
    """So that after a power loss it is known to the hour when each was seen last."""
    script = [(1.0, audited(1)), *((30.0 * n, audited(1)) for n in range(1, 400))]
    assert saved(script, 12_000.0, ServedMemory()) == [6.0, 3635.0, 7265.0, 10895.0]


def test_a_change_of_that_moment_is_saved_too() -> None:
    script = [(1.0, audited(1)), (6.5, audited(2))]
    assert saved(script, 100.0, ServedMemory()) == [6.0, 11.5]


def test_a_disk_that_fails_is_tried_again() -> None:
    store = ServedMemory()
    store.works = False

    def mended(_saver: ServedSaver) -> None:
        store.works = True

    assert saved([(1.0, audited(1)), (20.0, mended)], 100.0, store) == [6.0, 21.0]


def test_without_a_thread_it_is_tried_again() -> None:
    class Refusing(InlineThreads):
        refusals = 2

        async def run_blocking(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
            if self.refusals:
                self.refusals -= 1
                raise NoThreadError("no thread")
            return await super().run_blocking(function, *args, **kwargs)

    assert saved([(1.0, audited(1))], 100.0, ServedMemory(), Refusing()) == [36.0]


def test_before_the_first_audit_the_file_stays_as_it_is() -> None:
    store = ServedMemory()
    assert saved([(1.0, audited(1))], 100.0, store, source=NothingYet()) == []
    run_virtually(finished(store, NothingYet()))
    assert store.saved == []


async def finished(store: ServedMemory, source: Any) -> None:
    ServedSaver(store, InlineThreads(), LoopClock()).finish(source)


def test_at_the_end_it_is_saved_without_a_change() -> None:
    """What is served now was seen until then."""
    store = ServedMemory()
    run_virtually(finished(store, Source()))
    assert len(store.saved) == 1


@pytest.mark.parametrize("late_first", [False, True])
def test_the_latest_is_never_overwritten(late_first: bool) -> None:
    """A thread that was left at work when the daemon ended has an older state."""
    begun: list[Callable[[], None]] = []

    class Held(InlineThreads):
        async def run_blocking(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
            begun.append(lambda: function(*args, **kwargs))
            await asyncio.get_running_loop().create_future()

        def run_within(self, seconds: float, work: Callable[[], None]) -> None:
            begun.append(work)

    store = ServedMemory()

    async def scenario() -> None:
        saver = ServedSaver(store, Held(), LoopClock())
        task = asyncio.get_running_loop().create_task(saver.run(Source()))
        saver.audited(1)
        await asyncio.sleep(10.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        saver.finish(Source())
        for work in begun if late_first else reversed(begun):
            work()

    run_virtually(scenario())
    times = [state.at for state in store.saved]
    assert times == sorted(times)
    assert len(times) == (2 if late_first else 1)
