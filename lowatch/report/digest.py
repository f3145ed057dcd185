"""Groups findings as a person counts them: those of one kind at one address are one, whatever the names.

There may be 100,000 findings, so the texts of only a few are read in each group.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from lowatch.core.addresses import Port
from lowatch.core.findings import FindingKind, Severity
from lowatch.core.lifecycle import FindingState, Tracked
from lowatch.core.printable import printable

from .order import finding_order, group_key
from .phrases import count, first_few, place

_MANY_REASONS = 3
_MAX_READ = 200
"""Findings of a group whose texts are read. As a rule they differ only in names and ports."""
_PORT = re.compile(r"\b[0-9]+/(?:tcp|udp)\b")


@dataclass(frozen=True, slots=True)
class GroupSummary:
    """What reports show about a group. All texts but `names` are printable.

    states: the number of findings per state, firing first. where: the subject, with the domain if there is
    only one. named: the first of several domains, and the number of the others. names: all of several
    domains. since: when the earliest finding showed, in wall-clock seconds. began: the same in monotonic
    seconds, None if unknown. present: whether any of them is there now.
    """

    kind: FindingKind
    severity: Severity
    states: Counter[FindingState]
    where: str
    named: str
    names: Collection[str]
    since: float
    began: float | None
    present: bool
    reasons: tuple[str, ...]
    fixes: tuple[str, ...]
    advice: tuple[str, ...] = ()
    acknowledged_because: str = ""

    @property
    def active(self) -> bool:
        return bool(self.states[FindingState.FIRING] or self.states[FindingState.PENDING])

    def age(self, now: float) -> float | None:
        """Seconds since the earliest finding showed; None if unknown. now: monotonic seconds."""
        return None if self.began is None else now - self.began

    @property
    def state(self) -> str:
        """For example "firing", or "2 firing, 1 pending" if the states differ."""
        if len(self.states) == 1:
            return next(iter(self.states)).value
        return ", ".join(f"{number:,} {state}" for state, number in self.states.items())


class FindingGroup:
    """The findings of one group, at least one, in their order."""

    __slots__ = ("earliest", "first", "names", "ports", "present", "states")

    def __init__(self) -> None:
        self.first: list[Tracked] = []
        self.states: Counter[FindingState] = Counter()
        self.names: dict[str, None] = {}
        self.ports: set[Port] = set()
        self.earliest: Tracked | None = None
        self.present = False

    def add(self, tracked: Tracked) -> None:
        subject = tracked.finding.subject
        if len(self.first) < _MAX_READ:
            self.first.append(tracked)
        self.states[tracked.state] += 1
        if subject.domain:
            self.names[subject.domain] = None
        if subject.port is not None:
            self.ports.add(subject.port)
        if self.earliest is None or tracked.since < self.earliest.since:
            self.earliest = tracked
        self.present |= tracked.present

    @property
    def severity(self) -> Severity:
        return self.first[0].finding.severity

    def summary(self) -> GroupSummary:
        """What reports show about the group."""
        assert self.earliest is not None
        findings, several = [tracked.finding for tracked in self.first], len(self.names) > 1
        subject = findings[0].subject
        named = [printable(name) for name in islice(self.names, 3)] if several else []
        return GroupSummary(
            kind=subject.kind,
            severity=self.severity,
            states=self.states,
            where=place(subject._replace(domain=None) if several else subject, sorted(self.ports)),
            named=first_few(named, total=len(self.names)) if several else "",
            names=self.names.keys() if several else (),
            since=self.earliest.since,
            began=self.earliest.began,
            present=self.present,
            reasons=_reasons(self.first),
            fixes=_distinct(command for finding in findings for command in finding.fix),
            advice=_distinct(finding.advice for finding in findings if finding.advice),
            acknowledged_because=printable(self.first[0].acknowledged_because),
        )


class Digest(NamedTuple):
    """groups: in order, the worst first; what somebody has accepted comes last.

    findings, things: how many of each severity and state. firing: the first that fire.
    """

    groups: Sequence[FindingGroup]
    findings: Counter[tuple[Severity, FindingState]]
    group_counts: Counter[tuple[Severity, FindingState]]
    firing: Sequence[Tracked]


def digest(findings: Iterable[Tracked], firing: int = 0) -> Digest:
    """firing: how many of those are wanted. Of 100,000 findings it takes half a second."""
    groups: dict[Hashable, FindingGroup] = {}
    counts: Counter[tuple[Severity, FindingState]] = Counter()
    first: list[Tracked] = []
    for tracked in sorted(findings, key=finding_order):
        accepted = tracked.state not in (FindingState.FIRING, FindingState.PENDING)
        alike = (group_key(tracked.finding.subject), accepted, tracked.acknowledged_because)
        if (group := groups.get(alike)) is None:
            group = groups[alike] = FindingGroup()
        group.add(tracked)
        counts[tracked.finding.severity, tracked.state] += 1
        if len(first) < firing and tracked.state is FindingState.FIRING:
            first.append(tracked)
    group_counts = Counter((group.severity, state) for group in groups.values() for state in group.states)
    return Digest(list(groups.values()), counts, group_counts, first)


def summarise_groups(findings: Iterable[Tracked]) -> list[GroupSummary]:
    """The summaries of all groups, the worst first."""
    return [group.summary() for group in digest(findings).groups]


def _reasons(few: Iterable[Tracked]) -> tuple[str, ...]:
    """The messages, but only one of those that differ just in name and port."""
    reasons: dict[str, str] = {}
    for finding in (tracked.finding for tracked in few):
        key = _PORT.sub("", finding.message).replace(finding.subject.domain or "\0", "")
        reasons.setdefault(key, finding.message)
    shown = [printable(message) for message in list(reasons.values())[:_MANY_REASONS]]
    if len(reasons) > len(shown):
        shown.append(f"and {count(len(reasons) - len(shown), 'more reason')}: see --format json")
    return tuple(shown)


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(printable, dict.fromkeys(texts)))
