"""Holds the result of the last audit. Each audit replaces it as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from lowatch.core.audit import Audit, build_audit
from lowatch.core.clock import Clock
from lowatch.core.judgement import Judgement
from lowatch.core.known import Unknown
from lowatch.core.listeners import Endpoint
from lowatch.core.name_outcomes import FollowedNames
from lowatch.core.policy import Policy
from lowatch.core.snapshot import DomainObservation, Snapshot
from lowatch.core.verdicts import OrphanKey, Verdict

from .auditor import Auditor
from .breaks import with_breaks
from .finding_tracker import FindingTracker
from .orphan_series import OrphanValues


class Observed(NamedTuple):
    """All that an audit needs to be judged again. policy: the one that the snapshot was taken for."""

    snapshot: Snapshot
    policy: Policy
    followed: FollowedNames


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
        self._policy = tracker.policy
        self._summary: Audit | None = None

    async def replace(self, snapshot: Snapshot, judgement: Judgement, policy: Policy) -> None:
        """policy: the one that the snapshot was taken for."""
        await with_breaks(self._orphans.steps(snapshot, judgement))
        # Assigned last, so that the values are never older than the audit.
        self._found, self._policy = (snapshot, judgement), policy
        self._summary = None

    def findings_changed(self) -> None:
        """The findings in the summary have changed."""
        self._summary = None

    @property
    def judgement(self) -> Judgement | None:
        return None if self._found is None else self._found[1]

    def is_orphan(self, endpoint: Endpoint) -> bool:
        """Whether nothing serves an endpoint of some domain."""
        if self._found is None:
            return False
        _, judgement = self._found
        return any(
            (one.address, one.port, one.verdict) == (*endpoint, Verdict.ORPHAN)
            for name in self._auditor.leading_to(endpoint.address)
            if name in judgement.domains
            for one in judgement.domains[name].endpoints
        )

    @property
    def snapshot(self) -> Snapshot | None:
        return None if self._found is None else self._found[0]

    @property
    def observed(self) -> Observed | None:
        """What the last audit saw; None before the first."""
        if self._found is None:
            return None
        return Observed(self._found[0], self._policy, self._auditor.followed())

    @property
    def domains(self) -> Mapping[str, DomainObservation] | None:
        """The observations, which never change; None before the first audit."""
        return None if self._found is None else self._found[0].domains

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
