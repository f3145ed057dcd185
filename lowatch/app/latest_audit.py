"""Holds the result of the last audit. Each audit replaces it as a whole."""

from __future__ import annotations

from collections.abc import Mapping

from lowatch.core.audit import Audit, build_audit
from lowatch.core.clock import Clock
from lowatch.core.judgement import Judgement
from lowatch.core.known import Unknown
from lowatch.core.snapshot import Snapshot
from lowatch.core.verdicts import OrphanKey

from .auditor import Auditor
from .breaks import with_breaks
from .finding_tracker import FindingTracker
from .orphan_series import OrphanValues


class LatestAudit:
    """The last snapshot and judgement, the current findings and the values of lo_orphan_vip."""

    def __init__(self, auditor: Auditor, tracker: FindingTracker, clock: Clock) -> None:
        """tracker: initially it has the findings announced by the last run."""
        self._auditor = auditor
        self._tracker = tracker
        self._clock = clock
        self._orphans = OrphanValues(
            one.finding.subject for one in tracker.tracked.values() if one.announced
        )
        self._found: tuple[Snapshot, Judgement] | None = None
        self._summary: Audit | None = None

    async def replace(self, snapshot: Snapshot, judgement: Judgement) -> None:
        await with_breaks(self._orphans.steps(snapshot, judgement))
        # Assigned last, so that the values are never older than the audit.
        self._found = snapshot, judgement
        self._summary = None

    def findings_changed(self) -> None:
        """The findings in the summary have changed."""
        self._summary = None

    @property
    def judgement(self) -> Judgement | None:
        return None if self._found is None else self._found[1]

    @property
    def held(self) -> int | None:
        """How many addresses are held; None if unknown."""
        if self._found is None or isinstance(self._found[0].held, Unknown):
            return None
        return len(self._found[0].held.value)

    @property
    def orphans(self) -> Mapping[OrphanKey, int]:
        """lo_orphan_vip: the last known value of each endpoint. An endpoint without one is left out."""
        return self._orphans.values

    @property
    def audit(self) -> Audit | None:
        """The same object until there is another audit, or the findings change. None before the first."""
        if self._summary is None and self._found is not None:
            tracked, now = self._tracker.tracked.values(), self._clock.now().monotonic
            self._summary = build_audit(*self._found, tracked, self._auditor.followed(), now)
        return self._summary
