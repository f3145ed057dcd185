"""When slots are due: a time wheel of one-second buckets, and the queue of slots that wait.

There is one timer, for the earliest bucket, so there is no wake-up while nothing is due. The cost depends
on the due slots only. Only the monotonic clock counts: steps of the wall clock change nothing, and the time
of a suspend does not pass.
"""

from __future__ import annotations

import asyncio
from array import array
from collections import deque
from collections.abc import Iterable
from heapq import heappop, heappush
from math import ceil
from typing import NamedTuple, Protocol

from lowatch.core.clock import Clock
from lowatch.resolve.records.slots import NEVER


class Bucket(NamedTuple):
    """Slots, and the second (monotonic, rounded up) at which they were due."""

    second: int
    slots: array[int]


# A timer may run this much early, by the resolution of the loop's clock.
_EARLY = 0.01


class DueListener(Protocol):
    def on_due(self, buckets: list[Bucket]) -> None:
        """These buckets have become due: never early, up to 1 s late."""


class Wheel:
    """Passes each bucket to its listener when it becomes due.

    due: the second of each slot, in the caller's array. A slot is moved by adding it again. Its old entry
    is then void, and Waiting.take() skips it.
    """

    def __init__(self, due: array[int], listener: DueListener, clock: Clock) -> None:
        self._due = due
        self._listener = listener
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._buckets: dict[int, array[int]] = {}
        self._order: list[int] = []
        self._timer: asyncio.TimerHandle | None = None
        self._timer_second = 0

    def add(self, slot: int, due: float) -> None:
        """due: monotonic seconds."""
        second = self._due[slot] = ceil(due)
        bucket = self._buckets.get(second)
        if bucket is not None:
            bucket.append(slot)
            return
        self._buckets[second] = array("I", (slot,))
        heappush(self._order, second)
        self._arm()

    def overdue(self) -> bool:
        """Whether a bucket has been due for more than a second."""
        return bool(self._order) and self._order[0] + 1 < self._clock.now().monotonic

    def close(self) -> None:
        """Forget everything; safe to call twice."""
        self._buckets.clear()
        self._order.clear()
        self._disarm()

    def _arm(self) -> None:
        """Set the timer to the earliest bucket."""
        if not self._order or (self._timer is not None and self._timer_second <= self._order[0]):
            return
        self._disarm()
        self._timer_second = self._order[0]
        self._timer = self._loop.call_later(
            max(0, self._timer_second - self._clock.now().monotonic), self._ring
        )

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        reached = self._clock.now().monotonic + _EARLY
        reached_buckets = []
        while self._order and self._order[0] <= reached:
            second = heappop(self._order)
            reached_buckets.append(Bucket(second, self._buckets.pop(second)))
        self._arm()
        if reached_buckets:
            self._listener.on_due(reached_buckets)


class Waiting:
    """The slots that are due and have not been queried yet, first come, first served.

    Whole buckets are queued: 100,000 due slots take 400 kB. A slot that has been taken, or moved to a later
    time since, is skipped.
    """

    def __init__(self, due: array[int]) -> None:
        self._due = due
        self._buckets: deque[Bucket] = deque()
        self._at = 0

    def __bool__(self) -> bool:
        return bool(self._buckets)

    def put(self, bucket: Bucket) -> None:
        self._buckets.append(bucket)

    def put_at_once(self, slots: Iterable[int], now: float) -> None:
        """Queue slots to be queried now, before they are due. now: monotonic seconds."""
        bucket, due = Bucket(int(now), array("I", slots)), self._due
        for slot in bucket.slots:
            due[slot] = bucket.second
        if bucket.slots:
            self.put(bucket)

    def take(self, count: int, now: float) -> tuple[int, list[int]] | None:
        """A bucket's second and up to `count` of its slots, now due NEVER; None if no slot waits."""
        if not self._buckets:
            return None
        bucket = self._buckets[0]
        part = bucket.slots[self._at : self._at + count]
        self._at += count
        if self._at >= len(bucket.slots):
            self._buckets.popleft()
            self._at = 0
        due, second = self._due, ceil(now)
        taken: list[int] = []
        for slot in part:
            if due[slot] <= second:
                due[slot] = NEVER
                taken.append(slot)
        return bucket.second, taken

    def clear(self) -> None:
        self._buckets.clear()
        self._at = 0
