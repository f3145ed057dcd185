"""Whether the daemon's parts still do their work, however well the loop turns.

A part that has work to do and gets nothing done is stuck: then nothing it says is news any more, and
the service manager should start it all again. How long it may take is the part's own limit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

MAX_STEP = 5.0
"""Seconds that a look can add, and no limit is below twice that. Whoever was stopped, or suspended, must
get a chance to go on first: the look may come before its turn, and only the next one comes after it."""


class Sign(NamedTuple):
    """A part's sign of life.

    busy: whether it has work to do now. progress: grows with all that it gets done.
    limit: seconds that it may be busy without any.
    """

    part: str
    busy: bool
    progress: int
    limit: float


class Vital(NamedTuple):
    """silent: seconds for which the part has been busy and got nothing done."""

    part: str
    silent: float
    limit: float

    @property
    def stuck(self) -> bool:
        return self.silent > self.limit

    def __str__(self) -> str:
        """One line: "resolver: no progress for 47 s (limit 45 s)"."""
        return f"{self.part}: no progress for {self.silent:.0f} s (limit {self.limit:.0f} s)"


class Vitals:
    """Remembers what each part had got done. Time is an argument (monotonic seconds)."""

    def __init__(self) -> None:
        self._looked: float | None = None
        self._seen: dict[str, tuple[int, float]] = {}
        self.latest: tuple[Vital, ...] = ()

    def look(self, signs: Iterable[Sign], now: float) -> tuple[Vital, ...]:
        """One Vital for each sign, in order."""
        step = 0.0 if self._looked is None else min(now - self._looked, MAX_STEP)
        self._looked = now
        seen: dict[str, tuple[int, float]] = {}
        vitals = []
        for part, busy, progress, limit in signs:
            before = self._seen.get(part)
            idle = before is None or not busy or progress != before[0]
            silent = 0.0 if before is None or idle else before[1] + step
            seen[part] = progress, silent
            vitals.append(Vital(part, silent, limit))
        self._seen = seen
        self.latest = tuple(vitals)
        return self.latest
