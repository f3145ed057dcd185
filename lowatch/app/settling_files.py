"""Which files of names are being written just now: one that is read meanwhile may be half of itself."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from lowatch.config.sources import States
from lowatch.files.fingerprint import Fingerprint

SETTLED_AFTER = 1.0
"""Seconds for which a file must stay as it is before it is taken at its word: many are written in place."""

TAKEN_AFTER = 15.0
"""Seconds of change after which it is taken at its word all the same: whoever touches it may never stop."""


class _Seen(NamedTuple):
    """stamp: how the file stood. changed: when that was new. restless: since when; None: it has settled."""

    stamp: Fingerprint
    changed: float
    restless: float | None

    def looked_at(self, stamp: Fingerprint, now: float) -> _Seen:
        if stamp != self.stamp:
            return _Seen(stamp, now, now if self.restless is None else self.restless)
        if now - self.changed >= SETTLED_AFTER:
            return self._replace(restless=None)
        return self


class Settling:
    """Remembers how each file stood. Time is an argument (monotonic seconds)."""

    def __init__(self) -> None:
        self._seen: dict[Path, _Seen] | None = None

    def look(self, stands: States, now: float) -> frozenset[Path]:
        """The files that have not been seen to stay as they are, and are not restless for too long.

        What is there at the first look has settled; what is new at a later one has just been made.
        """
        seen, come = self._seen or {}, None if self._seen is None else now
        self._seen = {
            file: seen[file].looked_at(stamp, now) if file in seen else _Seen(stamp, now, come)
            for file, stamp in stands
        }
        return frozenset(
            file
            for file, one in self._seen.items()
            if one.restless is not None and now - one.restless < TAKEN_AFTER
        )
