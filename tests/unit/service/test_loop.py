"""The meter of the event loop: what holds the loop is seen, and waiting is not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

from lowatch.service.loop import metered_loop
from tests.support.waiting import quickest


class Turns(list[float]):
    """A TurnMeter: the seconds that each turn took."""

    def on_turn(self, seconds: float) -> None:
        self.append(seconds)


def turns_of(scene: Coroutine[Any, Any, None]) -> list[float]:
    turns = Turns()
    with asyncio.Runner(loop_factory=metered_loop(turns)) as runner:
        runner.run(scene)
    return turns


def test_a_hold_is_seen_whoever_it_is() -> None:
    """By a callback, or by many small ones that are ready at once."""

    async def scene() -> None:
        time.sleep(0.1)
        await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        for _ in range(10):
            loop.call_soon(time.sleep, 0.01)
        await asyncio.sleep(0)

    assert quickest(lambda: len([turn for turn in turns_of(scene()) if turn >= 0.1]), 3) == 2


def test_waiting_is_no_hold() -> None:
    async def scene() -> None:
        await asyncio.sleep(0.2)

    assert quickest(lambda: max(turns_of(scene())), 0.1) < 0.1


def test_a_turn_costs_next_to_nothing() -> None:
    """It wakes nobody up: there are as many turns as without it."""

    async def scene() -> None:
        for _ in range(100):
            await asyncio.sleep(0)

    assert len(turns_of(scene())) < 120
