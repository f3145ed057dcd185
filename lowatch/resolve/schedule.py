"""When to ask: due times in buckets of one second, and a limit on queries per second.

One timer, for the earliest bucket that holds anything. Nothing due, no wake-up; and what is due
costs the same however many names are not.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from math import ceil
from typing import Generic, Protocol, TypeVar

AT_ONCE = 0.0
"""A due time in the past of every monotonic clock."""

# A timer may run this much early, by the resolution of the loop's clock.
_EARLY = 0.01


class Timed(Protocol):
    """due: monotonic seconds."""

    due: float


T = TypeVar("T", bound=Timed)


class Schedule(Generic[T]):
    """Calls `fire` with the items that have become due, never early, up to a second late.

    An item is moved by adding it again; its place in the old bucket is then void.
    """

    def __init__(self, fire: Callable[[list[T]], None], now: Callable[[], float]) -> None:
        self._fire = fire
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._buckets: dict[int, list[T]] = {}
        self._order: list[int] = []
        self._timer: asyncio.TimerHandle | None = None
        self._timer_bucket = 0

    def add(self, item: T, due: float) -> None:
        item.due = due
        key = ceil(due)
        bucket = self._buckets.get(key)
        if bucket is not None:
            bucket.append(item)
            return
        self._buckets[key] = [item]
        heappush(self._order, key)
        self._arm()

    def close(self) -> None:
        """Forget everything; safe to call twice."""
        self._buckets.clear()
        self._order.clear()
        self._disarm()

    def _arm(self) -> None:
        """See to it that the timer is the earliest bucket's."""
        if not self._order or (self._timer is not None and self._timer_bucket <= self._order[0]):
            return
        self._disarm()
        self._timer_bucket = self._order[0]
        self._timer = self._loop.call_later(max(0, self._timer_bucket - self._now()), self._ring)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        reached = self._now() + _EARLY
        due: list[T] = []
        while self._order and self._order[0] <= reached:
            key = heappop(self._order)
            due += (item for item in self._buckets.pop(key) if ceil(item.due) == key)
        self._arm()
        if due:
            self._fire(due)


class RateLimit:
    """A token bucket whose tokens each come back one second after they were taken.

    So a burst of `per_second` may go at once, and never more than that in any one second.
    """

    def __init__(self, per_second: int) -> None:
        self._taken: deque[float] = deque(maxlen=per_second)

    def wait(self, now: float) -> float:
        """Seconds until a token is there; 0 where one is."""
        if len(self._taken) < (self._taken.maxlen or 0):
            return 0.0
        return max(0.0, self._taken[0] + 1.0 - now)

    def take(self, now: float) -> None:
        self._taken.append(now)
