"""Tells which files are being written now. The content read from such a file may be incomplete."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from lowatch.config.sources import States
from lowatch.files.fingerprint import Fingerprint

SETTLED_AFTER = 1.0
"""Seconds without a change before a file is trusted: many are written in place."""

TAKEN_AFTER = 15.0
"""Seconds of changes after which a file is trusted anyway: they may never stop."""


class _Seen(NamedTuple):
    """stamp: of the last look. changed: when that was new. restless: since when; None if it has settled."""

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
    """Remembers the stamp of each file. Time is an argument (monotonic seconds)."""

    def __init__(self) -> None:
        self._seen: dict[Path, _Seen] | None = None

    def look(self, states: States, now: float) -> frozenset[Path]:
        """The files that have not settled.

        A file that is there at the first look has settled; one that is new at a later look has not.
        """
        seen, come = self._seen or {}, None if self._seen is None else now
        self._seen = {
            file: seen[file].looked_at(stamp, now) if file in seen else _Seen(stamp, now, come)
            for file, stamp in states
        }
        return frozenset(
            file
            for file, one in self._seen.items()
            if one.restless is not None and now - one.restless < TAKEN_AFTER
        )
