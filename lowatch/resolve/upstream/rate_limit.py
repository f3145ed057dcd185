"""How many queries may be sent now: a token bucket for each nameserver."""

from __future__ import annotations

from collections import deque
from itertools import takewhile

SMALL_BURST = 32
"""The number of queries that any nameserver accepts at once."""


_EIGHTH = 0.125


class RateLimit:
    """A token bucket whose tokens each come back one second after they were taken.

    A burst of `per_second` queries may be sent at once, but never more than that in any second. spread:
    at most an eighth of `per_second`, or SMALL_BURST if that is more, in an eighth of a second. Otherwise
    ten thousand hosts that start together, or have a second's worth of names due, would hit their
    nameservers all at once.
    """

    def __init__(self, per_second: int, *, spread: bool = False) -> None:
        self._per_second = per_second
        self._burst = max(SMALL_BURST, per_second // 8) if spread else per_second
        self._taken = 0
        self._times: deque[tuple[float, int]] = deque()

    def budget(self, now: float) -> int:
        """The number of tokens available."""
        times, since = self._times, now - 1.0
        while times and times[0][0] <= since:
            self._taken -= times.popleft()[1]
        left = self._per_second - self._taken
        if self._burst < self._per_second:
            left = min(left, self._burst - self._taken_since(now - _EIGHTH))
        return left

    def _taken_since(self, time: float) -> int:
        return sum(count for _, count in takewhile(lambda one: one[0] > time, reversed(self._times)))

    def wait(self, now: float) -> float:
        """Seconds until a token is available; 0 if one is."""
        if self.budget(now) > 0:
            return 0.0
        until = now
        if self._taken >= self._per_second:
            until = self._times[0][0] + 1.0
        if self._burst < self._per_second and self._taken_since(now - _EIGHTH) >= self._burst:
            first = next(at for at, _ in self._times if at > now - _EIGHTH)
            until = max(until, first + _EIGHTH)
        return until - now

    def take(self, now: float, count: int = 1) -> None:
        """Take that many tokens, which budget() must have reported."""
        self._taken += count
        self._times.append((now, count))
