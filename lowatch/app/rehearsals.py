"""Has the fixes of a report rehearsed, where the report needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from lowatch.core.addresses import Address, destination
from lowatch.core.audit import Audit
from lowatch.core.findings import Finding, Fix
from lowatch.core.fixes.offer import rehearsed
from lowatch.core.fixes.rehearsal import Job, goal_of
from lowatch.core.lifecycle import FindingState, Tracked
from lowatch.core.plan import Rehearsal
from lowatch.core.policy import Policy
from lowatch.core.verdicts import JudgedEndpoint, Verdict

Rehearse = Callable[[Sequence[Job]], list[Rehearsal]]
"""The outcome of each job, in order. Blocks."""

_UNUSED = frozenset({Verdict.ORPHAN, Verdict.UNUSED})


def with_rehearsals(audit: Audit, policy: Policy, rehearse: Rehearse) -> Audit:
    """The audit, with the outcome of each fix that changes addresses or routes."""
    return replace(audit, findings=rehearsals(audit.findings, kept(audit.endpoints, policy), rehearse))


def kept(endpoints: Iterable[JudgedEndpoint], policy: Policy) -> tuple[Address, ...]:
    """The addresses that are served, or may be, and those that are expected."""
    served = (destination(one.address) for one in endpoints if one.verdict not in _UNUSED)
    return tuple(dict.fromkeys((*served, *policy.expect)))


def rehearsals(
    findings: tuple[Tracked, ...], kept: tuple[Address, ...], rehearse: Rehearse
) -> tuple[Tracked, ...]:
    """The findings with the outcomes. Equal plans are rehearsed once; of an acknowledged finding, none."""
    jobs: dict[Job, list[tuple[int, Fix]]] = {}
    for place, tracked in enumerate(findings):
        if tracked.state is FindingState.ACKNOWLEDGED:
            continue
        for fix in tracked.finding.fixes:
            goal = goal_of(tracked.finding, fix) if fix.plan else None
            if goal is not None:
                jobs.setdefault(Job(fix.plan, goal, kept), []).append((place, fix))
    if not jobs:
        return findings
    result = list(findings)
    for outcome, places in zip(rehearse(tuple(jobs)), jobs.values(), strict=True):
        for place, fix in places:
            tracked = result[place]
            result[place] = replace(tracked, finding=rehearsed(tracked.finding, fix, outcome))
    return tuple(result)


def together(
    chosen: Iterable[tuple[Finding, Fix]], audit: Audit, policy: Policy, rehearse: Rehearse
) -> str:
    """Why fixes must not be carried out one upon the other; "" if all are safe so, or none was rehearsed.

    rehearse: in turn, in one copy. One alone was rehearsed for the report, unless that had too many.
    """
    stay = kept(audit.endpoints, policy)
    goals = [(fix, goal_of(finding, fix)) for finding, fix in chosen]
    jobs = [Job(fix.plan, goal, stay) for fix, goal in goals if goal is not None]
    is_known = len(jobs) == 1 and all(_is_safe(fix) for fix, goal in goals if goal is not None)
    outcomes = [] if is_known else rehearse(jobs)
    return next((one.reason for one in outcomes if one.outcome == "harmful"), "")


def _is_safe(fix: Fix) -> bool:
    return fix.rehearsal is not None and fix.rehearsal.outcome == "safe"
