"""The findings of a text report: each with what, where, why, since when, and what would mend it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from lowatch.core.findings import Kind, Severity
from lowatch.core.lifecycle import State, Tracked

from .order import findings_in_order
from .phrases import duration, place, printable, rfc3339
from .terminal import Cell, Screen, Style

SEVERITY_STYLES = {
    Severity.CRITICAL: Style.RED,
    Severity.WARNING: Style.YELLOW,
    Severity.INFO: Style.CYAN,
}
FEW = 5
"""So many findings of one kind are all told in full; of more, the first, and a line each."""
_INDENT = 4
_COLUMN = 11


@dataclass(frozen=True, slots=True)
class Told:
    """What is told as one: findings that differ in nothing but their ports.

    findings: how many. where, reasons, fixes: printable. since: of the earliest.
    """

    kind: Kind
    severity: Severity
    state: State
    where: str
    findings: int
    since: float
    present: bool
    reasons: tuple[str, ...]
    fixes: tuple[str, ...]
    acknowledged_because: str = ""

    @property
    def active(self) -> bool:
        return self.state in (State.FIRING, State.PENDING)


def tell(findings: Iterable[Tracked]) -> list[Told]:
    """In order, the worst first; those that somebody has accepted come last."""
    together: dict[tuple[object, ...], list[Tracked]] = {}
    for tracked in findings_in_order(findings):
        subject = tracked.finding.subject._replace(port=None)
        alike = (subject, tracked.state, tracked.acknowledged_because)
        together.setdefault(alike, []).append(tracked)
    return [_told(group) for group in together.values()]


def _told(group: Sequence[Tracked]) -> Told:
    first = group[0]
    subject = first.finding.subject
    ports = [t.finding.subject.port for t in group if t.finding.subject.port is not None]
    reasons: dict[str, str] = {}
    for tracked in group:  # one reason will do where they differ in nothing but the port, too
        message = tracked.finding.message
        reasons.setdefault(message.replace(str(tracked.finding.subject.port), ""), message)
    fixes = dict.fromkeys(printable(command) for t in group for command in t.finding.fix)
    return Told(
        kind=subject.kind,
        severity=first.finding.severity,
        state=first.state,
        where=place(subject, ports),
        findings=len(group),
        since=min(t.since for t in group),
        present=any(t.present for t in group),
        reasons=tuple(map(printable, reasons.values())),
        fixes=tuple(fixes),
        acknowledged_because=printable(first.acknowledged_because),
    )


def finding_lines(told: Sequence[Told], now: float, screen: Screen) -> Iterator[list[str]]:
    """A list of lines for each finding, or for a heap of the same kind. now: wall-clock seconds."""
    active = [one for one in told if one.active]
    for _kind, alike in groupby(active, key=lambda one: one.kind):
        each = list(alike)
        in_full = len(each) if len(each) <= FEW else 1
        for one in each[:in_full]:
            yield _in_full(one, now, screen)
        if each[in_full:]:
            yield _in_short(each[in_full:], screen)
    accepted = [one for one in told if not one.active]
    if accepted:
        yield _accepted(accepted, screen)


def _in_full(one: Told, now: float, screen: Screen) -> list[str]:
    lines = screen.entry(_heading(one), f"{one.kind}: {one.where}", column=10)
    for reason in one.reasons:
        lines += screen.entry(_label("why"), reason, column=_COLUMN, indent=_INDENT)
    lines += screen.entry(_label("state"), _state(one, now), column=_COLUMN, indent=_INDENT)
    for position, command in enumerate(one.fixes):  # never broken: they are for pasting
        label = " " * 7 if position else " " * _INDENT + screen.paint("fix", Style.DIM)
        lines.append(f"{label}    {command}")
    return lines


def _in_short(rest: Sequence[Told], screen: Screen) -> list[str]:
    """One line each."""
    number = sum(one.findings for one in rest)
    title = f"{rest[0].kind}: {number:,} more (--format json has the reason and the fix of each)"
    lines = screen.entry(_heading(rest[0]), title, column=10)
    pending = {State.PENDING: " (pending)"}
    return lines + [f"{' ' * _INDENT}{one.where}{pending.get(one.state, '')}" for one in rest]


def _accepted(accepted: Sequence[Told], screen: Screen) -> list[str]:
    lines = [screen.paint("Acknowledged", Style.BOLD)]
    column = 4 + max(len(one.kind) for one in accepted)
    for one in accepted:
        because = f": {one.acknowledged_because}" if one.acknowledged_because else ""
        lines += screen.entry(Cell(one.kind), f"{one.where}{because}", column=column, indent=2)
    return lines


def _heading(one: Told) -> Cell:
    return Cell(one.severity.upper(), SEVERITY_STYLES[one.severity])


def _label(text: str) -> Cell:
    return Cell(text, Style.DIM)


def _state(one: Told, now: float) -> str:
    """`check` has no memory: what it finds it sees for the first time, and `since` says nothing."""
    if one.since > now - 1:
        return one.state.value
    text = f"{one.state} for {duration(now - one.since)}, since {rfc3339(one.since)}"
    return text if one.present else f"{text}; gone just now, resolved if it stays so"
