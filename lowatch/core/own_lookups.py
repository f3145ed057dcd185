"""What lowatch itself has just looked up: resolvers report it too, and it keeps no name alive."""

from __future__ import annotations

from collections.abc import Iterable

_REPORTED_WITHIN = 3.0
"""Seconds from a question to the report of its answer: a nameserver has two for it, a report takes none."""


class OwnLookups:
    """Remembers names for three seconds, or for six: no more of them than are followed."""

    def __init__(self) -> None:
        self._names: set[bytes] = set()
        self._before: set[bytes] = set()
        self._began = float("-inf")

    def asking(self, names: Iterable[bytes], now: float) -> None:
        """names: as encode_name() has them. now: monotonic seconds."""
        self._turn(now)
        self._names.update(names)

    def has(self, name: bytes, now: float) -> bool:
        """Whether it was asked for just now."""
        self._turn(now)
        return name in self._names or name in self._before

    def _turn(self, now: float) -> None:
        age = now - self._began
        if age >= _REPORTED_WITHIN:
            self._before = self._names if age < 2 * _REPORTED_WITHIN else set()
            self._names, self._began = set(), now
