"""Long work in steps, with a break after each for whatever else the loop has to do."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")


async def with_breaks(steps: Generator[None, None, T]) -> T:
    """What the generator returns; the loop has its turn wherever it yields."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        await asyncio.sleep(0)
