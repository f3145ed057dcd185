"""Findings to be tracked and announced, of names that are numbers."""

from __future__ import annotations

from collections.abc import Iterable, Set

from lowatch.app.finding_tracker import FindingTracker, Stepped
from lowatch.core.clock import Now
from lowatch.core.findings import Finding, FindingKind, Subject
from lowatch.core.judgement import Judgement
from lowatch.core.lifecycle import FindingState, Tracked
from lowatch.core.steps import result_of


def now(monotonic: float) -> Now:
    return Now(monotonic, 1e9 + monotonic)


def finding(number: int, domain: str | None = None, kind: FindingKind = FindingKind.ORPHAN_VIP) -> Finding:
    """Each number is a subject of its own."""
    return Finding(Subject(kind, f"lo{number}", domain=domain or f"n{number}.example.com"), "dead")


def firing(number: int, since: float = 1e9) -> Tracked:
    return Tracked(finding(number), FindingState.FIRING, since, 0.0, announced=True)


def judged(findings: Iterable[Finding]) -> Judgement:
    return Judgement({}, list(findings), ())


def step(
    tracker: FindingTracker, findings: Iterable[Finding], at: float, confirmed: Set[str] | None = None
) -> Stepped:
    """One whole step. confirmed: all of them, unless others are given."""
    judgement = judged(findings)
    keys = {one.key for one in judgement.findings} if confirmed is None else confirmed
    return result_of(tracker.steps(judgement, now(at), keys))
