"""The log line of each bound that was met: one of each at a time, however often it is."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from lowatch.core.limits.limit import Limit
from lowatch.core.limits.table import LIMITS

_log = logging.getLogger("lowatch")

TOLD_EVERY = 600.0
"""Seconds, at least, between two lines of the same bound; the second one counts what came between."""


class LimitsLog:
    """limits: which to look at. Those met before this is made have been told with the configuration."""

    def __init__(self, limits: Sequence[Limit] = LIMITS) -> None:
        self._limits = limits
        self._told = {limit.name: (limit.times, float("-inf")) for limit in limits}

    def look(self, now: float) -> None:
        """Log those that were met since their last line, where that is long enough ago. now: monotonic."""
        for limit in self._limits:
            times, quiet_until = self._told[limit.name]
            more = limit.times - times
            if not more or now < quiet_until:
                continue
            self._told[limit.name] = limit.times, now + TOLD_EVERY
            level = logging.DEBUG if limit.lossless else logging.WARNING
            often = "once" if more == 1 else f"{more:,} times"
            _log.log(level, "limit %s reached %s: %s, continuing", limit, often, limit.beyond)
