"""lowatch.resolve.schedule: due and not before, silent otherwise; the limit per second."""

from __future__ import annotations

import asyncio
from math import ceil

from hypothesis import given, settings
from hypothesis import strategies as st

from lowatch.resolve.schedule import AT_ONCE, RateLimit, Schedule
from tests.unit.resolve.virtual_time import run_virtually


class Item:
    def __init__(self, name: str = "") -> None:
        self.name = name
        self.due = 0.0


class Bell:
    """A Schedule, and what it rang for: (time, items)."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.rung: list[tuple[float, list[Item]]] = []
        self.schedule: Schedule[Item] = Schedule(self._ring, self.loop.time)

    def _ring(self, items: list[Item]) -> None:
        self.rung.append((self.loop.time(), items))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=30))
def test_everything_rings_once_never_early_and_less_than_a_second_late(after: list[float]) -> None:
    async def scenario() -> None:
        bell = Bell()
        start = bell.loop.time()
        for seconds in after:
            bell.schedule.add(Item(), start + seconds)
        await asyncio.sleep(102)
        rung = [(at, item.due) for at, items in bell.rung for item in items]
        assert sorted(due for _, due in rung) == sorted(start + seconds for seconds in after)
        assert all(due <= at < due + 1 for at, due in rung)
        assert len(bell.rung) == len({ceil(due) for _, due in rung})
        bell.schedule.close()

    run_virtually(scenario())


def test_at_once_is_at_once() -> None:
    async def scenario() -> None:
        bell = Bell()
        await asyncio.sleep(0.5)
        items = [Item(), Item()]
        for item in items:
            bell.schedule.add(item, AT_ONCE)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert bell.rung == [(1000.5, items)]

    run_virtually(scenario())


def test_an_item_that_was_moved_rings_at_its_new_time_only() -> None:
    async def scenario() -> None:
        bell = Bell()
        item = Item()
        bell.schedule.add(item, 1010.0)
        bell.schedule.add(item, 1005.0)
        bell.schedule.add(item, 1020.0)
        await asyncio.sleep(30)
        assert bell.rung == [(1020.0, [item])]

    run_virtually(scenario())


def test_an_earlier_item_is_not_held_up_by_a_later_one() -> None:
    async def scenario() -> None:
        bell = Bell()
        late, early = Item("late"), Item("early")
        bell.schedule.add(late, 1050.0)
        bell.schedule.add(early, 1005.0)
        await asyncio.sleep(60)
        assert bell.rung == [(1005.0, [early]), (1050.0, [late])]

    run_virtually(scenario())


def test_an_item_may_be_added_from_within() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        times = []

        def again(items: list[Item]) -> None:
            times.append(loop.time())
            schedule.add(items[0], loop.time() + 7)

        schedule: Schedule[Item] = Schedule(again, loop.time)
        schedule.add(Item(), AT_ONCE)
        await asyncio.sleep(22)
        schedule.close()
        assert times == [1000.0, 1007.0, 1014.0, 1021.0]

    run_virtually(scenario())


def test_closed_it_is_silent() -> None:
    async def scenario() -> None:
        bell = Bell()
        bell.schedule.add(Item(), 1005.0)
        bell.schedule.close()
        bell.schedule.close()
        await asyncio.sleep(10)
        assert bell.rung == []

    run_virtually(scenario())


@given(st.integers(1, 20), st.lists(st.floats(0, 0.5), max_size=200))
def test_never_more_than_the_limit_in_any_second(limit: int, pauses: list[float]) -> None:
    rate, now, taken = RateLimit(limit), 50.0, []
    for pause in pauses:
        now += pause
        now += rate.wait(now) and rate.wait(now) + 1e-9
        assert rate.wait(now) == 0
        rate.take(now)
        taken.append(now)
    for first, beyond in zip(taken, taken[limit:], strict=False):
        assert beyond - first >= 1


def test_a_burst_of_the_whole_limit_goes_at_once() -> None:
    rate = RateLimit(200)
    for _ in range(200):
        assert rate.wait(50.0) == 0
        rate.take(50.0)
    assert rate.wait(50.25) == 0.75
