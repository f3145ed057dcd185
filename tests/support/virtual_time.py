"""An event loop whose clock jumps: hours of TTLs and back-offs in milliseconds, over real sockets.

Where nothing is readable it goes straight to the next timer. Both ends of every conversation must
live on the loop.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from lowatch.core.clock import (
    Now,
)

from .aio import settled

T = TypeVar("T")

# Loopback usually delivers before send() returns. Under load the kernel may put it off a little.
_DELIVERY = 0.003


class _JumpingSelector(selectors.EpollSelector):
    now = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        ready = super().select(_DELIVERY)
        if ready:
            return ready
        if timeout is None:
            raise AssertionError("nothing is due, ever, and nothing can arrive")
        self.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


class LoopClock:
    """A Clock that tells the running loop's time, virtual or not. suspended: seconds, in all."""

    suspended = 0.0

    def now(self) -> Now:
        monotonic = asyncio.get_running_loop().time()
        return Now(monotonic, wall=0.0, uptime=monotonic + self.suspended)


def run_virtually(coroutine: Coroutine[Any, Any, T], timeout: float = 1e6) -> T:
    """As run_async; `timeout` is in virtual seconds, and the clock starts at 1000."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(settled(coroutine, timeout))
