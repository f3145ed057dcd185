"""Long work in steps."""

from __future__ import annotations

import asyncio
from collections.abc import Generator

import pytest

from lowatch.app.breaks import with_breaks
from tests.support.aio import run_async


def test_the_loop_has_its_turn_after_each_step() -> None:
    done: list[str] = []

    def steps() -> Generator[None, None, str]:
        for number in range(3):
            done.append(f"step {number}")
            yield
        return "result"

    async def others() -> None:
        for _ in range(3):
            done.append("turn")
            await asyncio.sleep(0)

    async def scenario() -> str:
        async with asyncio.TaskGroup() as group:
            work = group.create_task(with_breaks(steps()))
            group.create_task(others())
        return work.result()

    assert run_async(scenario()) == "result"
    assert done == ["step 0", "turn", "step 1", "turn", "step 2", "turn"]


def test_what_a_step_raises_is_raised() -> None:
    def steps() -> Generator[None, None, None]:
        yield
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        run_async(with_breaks(steps()))
