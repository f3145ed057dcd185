"""Runs long work in steps, and lets the event loop run after each."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")


async def with_breaks(steps: Generator[None, None, T]) -> T:
    """Run the generator to its end and return its value. The loop runs wherever it yields."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        await asyncio.sleep(0)
