"""Time as the application gets it: passed in, from one Clock."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Now(NamedTuple):
    """One moment on three clocks.

    monotonic: seconds, for intervals. wall: seconds since the epoch, for display and dates.
    uptime: seconds since boot, for the ages of addresses; 0 where nobody shows any.
    """

    monotonic: float
    wall: float
    uptime: float = 0.0


class Clock(Protocol):
    """The only source of `now`."""

    def now(self) -> Now: ...
