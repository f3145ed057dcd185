"""How thinly events are sampled in the kernel: the level rises in a flood, and falls when it is over."""

from __future__ import annotations

LOWERED_EVERY = 1.0
"""Seconds between looks at whether the level may be lower."""
_WINDOW = 1_000
"""Events after which their rate is looked at. So a short burst of fewer is counted exactly."""
_AT_MOST = 1_000
"""Events per second that are read: 1 % of a core."""
_FEW = 125
"""Events per second below which the level is lowered. The next lower one passes four times as many."""


class SamplingPace:
    """level: n lets one event in 4**n pass; 0 all. Times are in monotonic seconds."""

    def __init__(self, highest: int) -> None:
        self.level = 0
        self._highest = highest
        self._count = self._since_looked = 0
        self._began = self._looked = 0.0

    def arrived(self, now: float) -> bool:
        """An event arrived. Returns whether that raised the level."""
        self._since_looked += 1
        if self._count == 0 or now - self._began > _WINDOW / _AT_MOST:
            self._count, self._began = 0, now
        self._count += 1
        if self._count < _WINDOW:
            return False
        self._count = 0
        return self._raise()

    def overran(self) -> bool:
        """Events were lost. Returns whether that raised the level."""
        return self._raise()

    def looked(self, now: float) -> None:
        """Lower the level by one if few events have arrived since the last look."""
        elapsed, self._looked = now - self._looked, now
        if self.level and self._since_looked < _FEW * min(elapsed, LOWERED_EVERY):
            self.level -= 1
        self._since_looked = 0

    def _raise(self) -> bool:
        if self.level >= self._highest:
            return False
        self.level += 1
        return True
