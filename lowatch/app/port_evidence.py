"""When an audit is to be looked at for what learned names should serve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lowatch.core.snapshot import DomainObservation, RefusedPort, Snapshot

_LOOK_EVERY = 30.0
"""Seconds between looks at evidence that gets old."""


class PortEvidence:
    """Remembers what was looked at last."""

    def __init__(self) -> None:
        self._looked_at: tuple[Mapping[str, DomainObservation], Sequence[RefusedPort]] | None = None
        self._look_at = float("-inf")

    def is_new(self, snapshot: Snapshot, now: float) -> bool:
        """Whether to look at this one, which is then the last. now: monotonic seconds."""
        seen, before = (snapshot.domains, snapshot.refused), self._looked_at
        is_new = before is None or seen[0] is not before[0] or seen[1] != before[1]
        if not is_new and now < self._look_at:
            return False
        self._looked_at, self._look_at = seen, now + _LOOK_EVERY
        return True
