"""Memory is given back once, after the start."""

from __future__ import annotations

import asyncio

import pytest

from lowatch import GC_THRESHOLDS_AT_REST
from lowatch.service import memory
from tests.support.virtual_time import run_virtually


class Resolver:
    def __init__(self) -> None:
        self.all_asked = asyncio.Event()

    async def settled(self) -> None:
        await self.all_asked.wait()


def test_it_waits_for_the_first_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []
    collected: list[tuple[int, ...]] = []

    async def scenario() -> None:
        loop, resolver = asyncio.get_running_loop(), Resolver()
        monkeypatch.setattr(memory, "give_back", lambda: given.append(loop.time()))
        monkeypatch.setattr(memory.gc, "set_threshold", lambda *thresholds: collected.append(thresholds))
        async with asyncio.TaskGroup() as group:
            group.create_task(memory.give_back_after_start(resolver))
            await asyncio.sleep(100)
            assert given == collected == []
            resolver.all_asked.set()
        assert given[0] > 1100

    run_virtually(scenario())
    assert len(given) == 1
    assert collected == [GC_THRESHOLDS_AT_REST]


def test_it_may_be_done_at_any_time() -> None:
    memory.give_back()
    memory.give_back()
