"""Faults that prevent the daemon from observing, announcing or saving for a while."""

from __future__ import annotations

from random import Random

from .loop import VirtualLoop

KINDS = {
    # The kernel's events and answers.
    "late events": 3.0,
    "lost events": 0.0,
    "doubled events": 0.0,
    "overrun": 0.0,
    "no dumps": 0.0,
    "interrupted dumps": 0.0,
    "no routes": 0.0,
    "no sockets": 0.0,
    "no connects": 0.0,
    "slow kernel": 0.03,
    # Nameservers, by number, and getaddrinfo.
    "dead 0": 0.0,
    "dead 1": 0.0,
    "slow 0": 3.0,
    "slow 1": 3.0,
    "SERVFAIL 0": 0.0,
    "SERVFAIL 1": 0.0,
    "getaddrinfo fails": 0.0,
    "getaddrinfo hangs": 0.0,
    "files unreadable": 0.0,
    # The journal, the disk and threads.
    "journald away": 0.0,
    "journald full": 0.0,
    "disk full": 0.0,
    "disk hangs": 0.0,
    "slow disk": 2.0,
    "no threads": 0.0,
}
"""Kind of fault -> the most seconds that something takes during it, or 0."""

LIES = ("lies 0", "lies 1", "denies 0", "denies 1")
"""Wrong answers. They are not failures to observe, because the daemon cannot recognise them."""


class Faults:
    """The current faults."""

    def __init__(self, loop: VirtualLoop, random: Random) -> None:
        self._loop = loop
        self.random = random
        self._until: dict[str, float] = {}
        self._last_end = 0.0

    def begin(self, kind: str, seconds: float) -> None:
        self._until[kind] = max(self.until(kind), self._loop.time() + seconds)
        self._last_end = max(self._last_end, self._until[kind])

    def has(self, kind: str) -> bool:
        return self.any and self._until.get(kind, 0.0) > self._loop.time()

    def until(self, kind: str) -> float:
        """The loop time at which it ends, or last ended."""
        return self._until.get(kind, 0.0)

    def amount(self, kind: str) -> float:
        """The most seconds that something takes now; 0 without the fault."""
        return KINDS[kind] if self.has(kind) else 0.0

    @property
    def any(self) -> bool:
        return self._loop.time() < self._last_end

    @property
    def active(self) -> list[str]:
        return [kind for kind in self._until if self.has(kind)]

    @property
    def last_end(self) -> float:
        """The loop time at which the last known fault ends, or ended."""
        return self._last_end
