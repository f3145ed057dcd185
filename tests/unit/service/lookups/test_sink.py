"""How much of the loop readers of lookups take."""

from __future__ import annotations

import asyncio
import time

import pytest

from lowatch.service.lookups import sink
from lowatch.service.lookups.sink import Effort
from tests.support.virtual_time import run_virtually


def test_work_is_followed_by_a_rest_three_times_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 5.0
    monkeypatch.setattr(time, "perf_counter", lambda: now)
    assert sink.time.perf_counter() == now

    async def scenario() -> list[float]:
        nonlocal now
        effort, loop = Effort(), asyncio.get_running_loop()
        rests = []
        for worked in (0.001, 0.0005, 0.0025, 0.001):
            began = loop.time()
            async with effort:
                now += worked
            rests.append(round(loop.time() - began, 4))
        return rests

    assert run_virtually(scenario()) == [0.0, 0.0, 0.012, 0.0]


def test_many_together_take_no_more_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight that work 10 ms whenever they may: each has to wait while another one rests."""
    now = 5.0
    monkeypatch.setattr(time, "perf_counter", lambda: now)

    async def scenario() -> float:
        effort = Effort()

        async def work() -> None:
            nonlocal now
            while True:
                async with effort:
                    now += 0.01

        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(work()) for _ in range(8)]
            await asyncio.sleep(3.0)
            for one in running:
                one.cancel()
        return now - 5.0

    assert run_virtually(scenario()) == pytest.approx(1.0, abs=0.1)
