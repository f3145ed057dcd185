"""The log lines for limits that were reached: at most one for each limit in a while."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from lowatch.core.limits.limit import Limit
from lowatch.core.limits.table import LIMITS

_log = logging.getLogger("lowatch")

LOGGED_EVERY = 600.0
"""Seconds, at least, between two lines of the same limit; the second counts what happened in between."""


class LimitsLog:
    """limits: those to check. Limits reached earlier were reported with the configuration."""

    def __init__(self, limits: Sequence[Limit] = LIMITS) -> None:
        self._limits = limits
        self._logged = {limit.name: (limit.times, float("-inf")) for limit in limits}

    def look(self, now: float) -> None:
        """Log the limits reached since their last line, if that is long ago. now: monotonic seconds."""
        for limit in self._limits:
            times, quiet_until = self._logged[limit.name]
            more = limit.times - times
            if not more or now < quiet_until:
                continue
            self._logged[limit.name] = limit.times, now + LOGGED_EVERY
            level = logging.DEBUG if limit.lossless else logging.WARNING
            often = "once" if more == 1 else f"{more:,} times"
            _log.log(level, "limit %s reached %s: %s, continuing", limit, often, limit.beyond)
