"""An event loop without descriptors whose clock jumps to the next timer, and the clocks that follow it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from lowatch.core.clock import Now

STARTED_AT = 1_000.0
"""Monotonic seconds at which a world begins."""
WALL_AT_START = 1_800_000_000.0
SPINNING = 5_000
"""Turns of the loop in the same instant, after which something must be waking itself endlessly."""


class SpinningError(AssertionError):
    """The loop turns and time stands still."""


class _Selector:
    """A selector without descriptors. If no callback is ready, it lets time pass."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        self._loop.turned(timeout)
        return []

    def close(self) -> None:
        pass


class VirtualLoop(asyncio.BaseEventLoop):
    """turns: how often it has run the callbacks that were ready. each_turn: called after each turn."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Selector(self)
        self._now = STARTED_AT
        self._standing = 0
        self.turns = 0
        self.errors: list[str] = []
        """The errors reported to the loop's exception handler."""
        self.each_turn: Callable[[], None] = lambda: None
        self.set_exception_handler(lambda _, context: self.errors.append(_told(context)))

    def time(self) -> float:
        return self._now

    def spend(self, seconds: float) -> None:
        """Lets time pass while a callback runs, because the kernel is slow to answer."""
        self._now += seconds

    def turned(self, timeout: float | None) -> None:
        self.turns += 1
        self.each_turn()
        if timeout == 0:
            self._standing += 1
            if self._standing > SPINNING:
                raise SpinningError(f"{SPINNING} turns of the loop at {self._now - STARTED_AT:.6f} s")
            return
        if timeout is None:
            raise SpinningError("nothing is due, ever")
        self._standing = 0
        if not self._ready:
            self._now = max(self._now, self._scheduled[0].when()) if self._scheduled else self._now

    # Methods that BaseEventLoop leaves to its subclasses.

    def _process_events(self, events: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass


def _told(context: dict[str, Any]) -> str:
    error = context.get("exception")
    if isinstance(error, AssertionError):
        return str(error)
    return f"{context.get('message')}: {error!r}"


class SimulatedClock:
    """The wall clock may be set; while the machine is suspended, the monotonic clock stands still."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._wall = WALL_AT_START
        self._uptime = 0.0
        self._last = Now(0.0, 0.0)

    def now(self) -> Now:
        monotonic = self._loop.time()
        if monotonic != self._last.monotonic:
            self._last = Now(monotonic, self._wall + monotonic, self._uptime + monotonic)
        return self._last

    def set_wall(self, by: float) -> None:
        self._wall += by
        self._last = Now(0.0, 0.0)

    def suspend(self, seconds: float) -> None:
        self._uptime += seconds
        self.set_wall(seconds)
