"""Whether the daemon's parts make progress, however smoothly the event loop runs.

A part that has work to do and gets nothing done is stuck. What it reports is out of date from then on,
and the service manager should restart the daemon. Each part has its own limit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

MAX_STEP = 5.0
"""Seconds that one look can add to a silence; no limit is below twice that. After the process was stopped,
or the host suspended, a look may come before the part's turn. Only the next look comes after it."""


class Heartbeat(NamedTuple):
    """What a part reports of itself.

    busy: whether it has work to do now. progress: a number that grows as work gets done.
    limit: seconds for which it may be busy without progress.
    """

    part: str
    busy: bool
    progress: int
    limit: float


class Beating(Protocol):
    """A part of the daemon, or several."""

    def heartbeats(self) -> Iterable[Heartbeat]: ...


class Liveness(NamedTuple):
    """silent: seconds for which the part has been busy without progress."""

    part: str
    silent: float
    limit: float

    @property
    def stuck(self) -> bool:
        return self.silent > self.limit

    def __str__(self) -> str:
        """One line: "resolver: no progress for 47 s (limit 45 s)"."""
        return f"{self.part}: no progress for {self.silent:.0f} s (limit {self.limit:.0f} s)"


class LivenessMonitor:
    """Compares each part's progress from look to look. Time is an argument (monotonic seconds)."""

    def __init__(self) -> None:
        self._looked: float | None = None
        self._seen: dict[str, tuple[int, float]] = {}
        self.latest: tuple[Liveness, ...] = ()

    def look(self, heartbeats: Iterable[Heartbeat], now: float) -> tuple[Liveness, ...]:
        """One Liveness for each heartbeat, in order."""
        step = 0.0 if self._looked is None else min(now - self._looked, MAX_STEP)
        self._looked = now
        seen: dict[str, tuple[int, float]] = {}
        found = []
        for part, busy, progress, limit in heartbeats:
            before = self._seen.get(part)
            idle = before is None or not busy or progress != before[0]
            silent = 0.0 if before is None or idle else before[1] + step
            seen[part] = progress, silent
            found.append(Liveness(part, silent, limit))
        self._seen = seen
        self.latest = tuple(found)
        return self.latest
