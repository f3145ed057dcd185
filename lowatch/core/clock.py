"""The only source of `now`: the application gets it passed in."""

from __future__ import annotations

from typing import NamedTuple


class Now(NamedTuple):
    """monotonic: seconds, for intervals. wall: seconds since the epoch, for display and dates.

    uptime: seconds since boot, for the ages of addresses; 0 where nobody shows any.
    """

    monotonic: float
    wall: float
    uptime: float = 0.0
