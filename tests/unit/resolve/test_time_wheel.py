"""lowatch.resolve.time_wheel: due and not before, silent otherwise; the limit per second."""

from __future__ import annotations

import asyncio
from array import array
from math import ceil

from hypothesis import given, settings
from hypothesis import strategies as st

from lowatch.resolve.records.slots import NEVER
from lowatch.resolve.time_wheel import (
    Bucket,
    Waiting,
    Wheel,
)
from tests.support.virtual_time import LoopClock, run_virtually


class Bell:
    """A Wheel over as many slots, and what it rang for: (time, slots that are really due)."""

    def __init__(self, slots: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.due = array("I", [NEVER] * slots)
        self.rung: list[tuple[float, list[int]]] = []
        self.waiting = Waiting(self.due)
        self.wheel = Wheel(self.due, self, LoopClock())

    def on_due(self, buckets: list[Bucket]) -> None:
        for bucket in buckets:
            self.waiting.put(bucket)
        now, taken = self.loop.time(), []
        while (part := self.waiting.take(1_000, now)) is not None:
            taken += part[1]
        self.rung.append((now, taken))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=30))
def test_everything_rings_once_never_early_and_less_than_a_second_late(after: list[float]) -> None:
    async def scenario() -> None:
        bell = Bell(len(after))
        start = bell.loop.time()
        for slot, seconds in enumerate(after):
            bell.wheel.add(slot, start + seconds)
        await asyncio.sleep(102)
        rung = [(at, slot) for at, slots in bell.rung for slot in slots]
        assert sorted(slot for _, slot in rung) == list(range(len(after)))
        assert all(start + after[slot] <= at < start + after[slot] + 1 for at, slot in rung)
        assert len(bell.rung) == len({ceil(start + seconds) for seconds in after})
        bell.wheel.close()

    run_virtually(scenario())


def test_a_slot_that_was_moved_is_taken_at_its_new_time_only() -> None:
    async def scenario() -> None:
        bell = Bell(1)
        for at in (1010.0, 1005.0, 1020.0):
            bell.wheel.add(0, at)
        await asyncio.sleep(30)
        assert [(at, slots) for at, slots in bell.rung if slots] == [(1020.0, [0])]

    run_virtually(scenario())


def test_an_earlier_slot_is_not_held_up_by_a_later_one() -> None:
    async def scenario() -> None:
        bell = Bell(2)
        bell.wheel.add(1, 1050.0)
        bell.wheel.add(0, 1005.0)
        await asyncio.sleep(60)
        assert bell.rung == [(1005.0, [0]), (1050.0, [1])]

    run_virtually(scenario())


def test_a_slot_may_be_added_from_within() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        times = []

        class Again:
            def on_due(self, _buckets: list[Bucket]) -> None:
                times.append(loop.time())
                wheel.add(0, loop.time() + 7)

        wheel = Wheel(array("I", [NEVER]), Again(), LoopClock())
        wheel.add(0, 1007.0)
        await asyncio.sleep(22)
        wheel.close()
        assert times == [1007.0, 1014.0, 1021.0]

    run_virtually(scenario())


def test_closed_it_is_silent() -> None:
    async def scenario() -> None:
        bell = Bell(1)
        bell.wheel.add(0, 1005.0)
        bell.wheel.close()
        bell.wheel.close()
        await asyncio.sleep(10)
        assert bell.rung == []

    run_virtually(scenario())


def test_waiting_slots_come_first_come_first_served_each_once() -> None:
    due = array("I", [NEVER] * 6)
    waiting = Waiting(due)
    waiting.put_at_once([3, 1], 50.5)
    waiting.put_at_once([4, 1, 0], 52.5)
    assert waiting.take(1, 52.9) == (50, [3])
    assert waiting.take(3, 52.9) == (50, [1])
    assert waiting.take(2, 52.9) == (52, [4])
    assert list(due) == [52, NEVER, NEVER, NEVER, NEVER, NEVER]
    assert waiting.take(2, 52.9) == (52, [0])
    assert waiting.take(2, 52.9) is None
    assert not waiting


def test_a_slot_that_was_put_off_meanwhile_is_not_taken() -> None:
    due = array("I", [NEVER] * 2)
    waiting = Waiting(due)
    waiting.put_at_once([0, 1], 50.0)
    due[0] = 70
    assert waiting.take(9, 51.0) == (50, [1])
    assert due[0] == 70
