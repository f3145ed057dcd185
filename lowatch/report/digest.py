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
from lowatch.core.findings import Finding, FindingKind, Severity, Subject
from lowatch.core.last_served import LastServed, latest
from lowatch.core.lifecycle import FindingState, Tracked
from lowatch.core.policy import Acknowledgement
from lowatch.core.printable import printable
from lowatch.core.victims import Hurt, most

from .order import finding_order, group_key
from .phrases import count, first_few, outcome, place

_MANY_REASONS = 3
_MAX_READ = 200
"""Findings of a group whose texts are read. As a rule they differ only in names and ports."""
_PORT = re.compile(r"\b[0-9]+/(?:tcp|udp)\b")


class Guidance(NamedTuple):
    """Advice, the commands that follow it, what else to change, and what came of their rehearsal.

    All may be empty.
    """

    advice: tuple[str, ...]
    commands: tuple[str, ...]
    persist: tuple[str, ...] = ()
    rehearsed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupSummary:
    """What reports show about a group. All texts but `names` are printable.

    subject: of the first finding. states: the number of findings per state, firing first. where: the
    subject as text, with the domain if there is only one. named: the first of several domains, and the
    number of the others. names: all of several domains. since: when the earliest finding showed, in
    wall-clock seconds. began: the same in monotonic seconds, None if unknown. present: whether any of them
    is there now. acknowledgement: the one of all. last_served: the latest of them.
    hurt: the most local clients that one of them is known to have failed.
    """

    kind: FindingKind
    subject: Subject
    severity: Severity
    states: Counter[FindingState]
    where: str
    named: str
    names: Collection[str]
    since: float
    began: float | None
    present: bool
    reasons: tuple[str, ...]
    guidance: tuple[Guidance, ...] = ()
    acknowledgement: Acknowledgement | None = None
    last_served: LastServed | None = None
    hurt: Hurt | None = None

    @property
    def fixes(self) -> tuple[str, ...]:
        """The commands, in order."""
        return tuple(command for given in self.guidance for command in given.commands)

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
            subject=subject,
            severity=self.severity,
            states=self.states,
            where=place(subject._replace(domain=None) if several else subject, sorted(self.ports)),
            named=first_few(named, total=len(self.names)) if several else "",
            names=self.names.keys() if several else (),
            since=self.earliest.since,
            began=self.earliest.began,
            present=self.present,
            reasons=_reasons(self.first),
            guidance=_guidance(findings),
            acknowledgement=self.first[0].acknowledgement,
            last_served=latest(finding.last_served for finding in findings),
            hurt=most(tracked.hurt for tracked in self.first),
        )


class Digest(NamedTuple):
    """groups: in order, the worst first; what somebody has accepted comes last.

    findings, group_counts: how many of each severity and state. firing, acknowledged: the first that are.
    """

    groups: Sequence[FindingGroup]
    findings: Counter[tuple[Severity, FindingState]]
    group_counts: Counter[tuple[Severity, FindingState]]
    firing: Sequence[Tracked]
    acknowledged: Sequence[Tracked] = ()


def digest(findings: Iterable[Tracked], listed: int = 0) -> Digest:
    """listed: how many of `firing` and `acknowledged` are wanted. 100,000 findings take half a second."""
    groups: dict[Hashable, FindingGroup] = {}
    counts: Counter[tuple[Severity, FindingState]] = Counter()
    first: dict[FindingState, list[Tracked]] = {FindingState.FIRING: [], FindingState.ACKNOWLEDGED: []}
    for tracked in sorted(findings, key=finding_order):
        accepted = tracked.state not in (FindingState.FIRING, FindingState.PENDING)
        alike = (group_key(tracked.finding), accepted, _said_of(tracked.acknowledgement))
        if (group := groups.get(alike)) is None:
            group = groups[alike] = FindingGroup()
        group.add(tracked)
        counts[tracked.finding.severity, tracked.state] += 1
        if tracked.state in first and len(first[tracked.state]) < listed:
            first[tracked.state].append(tracked)
    group_counts = Counter((group.severity, state) for group in groups.values() for state in group.states)
    return Digest(list(groups.values()), counts, group_counts, *first.values())


def _said_of(acknowledgement: Acknowledgement | None) -> object:
    """Equal for acknowledgements of which reports say the same."""
    return acknowledgement and (acknowledgement.until, acknowledgement.reason)


def summarise_groups(findings: Iterable[Tracked]) -> list[GroupSummary]:
    """The summaries of all groups, the worst first."""
    return [group.summary() for group in digest(findings).groups]


def _reasons(few: Iterable[Tracked]) -> tuple[str, ...]:
    """The reasons, but only one of those that differ just in name and port."""
    reasons: dict[str, str] = {}
    for finding in (tracked.finding for tracked in few):
        key = _PORT.sub("", finding.reason).replace(finding.subject.domain or "\0", "")
        reasons.setdefault(key, finding.reason)
    shown = [printable(message) for message in list(reasons.values())[:_MANY_REASONS]]
    if len(reasons) > len(shown):
        shown.append(f"and {count(len(reasons) - len(shown), 'more reason')}: see --format json")
    return tuple(shown)


def _guidance(findings: Iterable[Finding]) -> tuple[Guidance, ...]:
    """Advice that leads to the same commands is together."""
    findings = tuple(findings)
    rehearsals = {
        fix.commands: outcome(fix.rehearsal)
        for finding in findings
        for fix in finding.fixes
        if fix.rehearsal is not None
    }
    by_commands: dict[tuple[str, ...], dict[str, None]] = {}
    persist: dict[tuple[str, ...], dict[str | None, None]] = {}
    for finding in findings:
        for advice, commands in finding.guidance:
            by_commands.setdefault(commands, {})[advice] = None
        for fix in finding.fixes:
            persist.setdefault(fix.commands, {})[fix.persist] = None
    given = [
        Guidance(
            _distinct(filter(None, advice)),
            _distinct(commands),
            _distinct(filter(None, persist.get(commands, ()))) if commands else (),
            _distinct((rehearsals[commands],)) if commands in rehearsals else (),
        )
        for commands, advice in by_commands.items()
    ]
    return tuple(one for one in given if one.advice or one.commands)


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(printable, dict.fromkeys(texts)))
