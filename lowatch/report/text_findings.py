"""The findings of a text report: each with what, where, why, since when, and what would mend it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from lowatch.core.elapsed import rfc3339
from lowatch.core.findings import Kind, Severity
from lowatch.core.lifecycle import State, Tracked
from lowatch.core.printable import printable

from .order import findings_in_order, thing
from .phrases import count, duration, first_few, place
from .terminal import Cell, Screen, Style

SEVERITY_STYLES = {
    Severity.CRITICAL: Style.RED,
    Severity.WARNING: Style.YELLOW,
    Severity.INFO: Style.CYAN,
}
FEW = 5
"""So many findings of one kind are all told in full; of more, the first, and a line each."""
MANY_LINES = 20
"""Of those that get a line each."""
_MANY_REASONS = 3
_PORT = re.compile(r"\b[0-9]+/(?:tcp|udp)\b")
_INDENT = 4
_COLUMN = 11


@dataclass(frozen=True, slots=True)
class Told:
    """What is one thing to a person: findings of one kind at one address, whatever their names and ports.

    states: how many findings are in each, those that fire first. where, names, reasons, fixes, advice:
    printable. names: where there are several; `where` has the only one. since: of the earliest. began: its
    monotonic seconds, None where they are not known.
    """

    kind: Kind
    severity: Severity
    states: Counter[State]
    where: str
    names: tuple[str, ...]
    since: float
    began: float | None
    present: bool
    reasons: tuple[str, ...]
    fixes: tuple[str, ...]
    advice: tuple[str, ...] = ()
    acknowledged_because: str = ""

    @property
    def active(self) -> bool:
        return bool(self.states[State.FIRING] or self.states[State.PENDING])

    def age(self, now: float) -> float | None:
        """Seconds since it first showed; None where only the wall clock could tell. now: monotonic."""
        return None if self.began is None else now - self.began

    @property
    def state(self) -> str:
        """As in "firing", or "2 firing, 1 pending" where they differ."""
        if len(self.states) == 1:
            return next(iter(self.states)).value
        return ", ".join(f"{number:,} {state}" for state, number in self.states.items())


def tell(findings: Iterable[Tracked]) -> list[Told]:
    """In order, the worst first; those that somebody has accepted come last."""
    together: dict[Hashable, list[Tracked]] = {}
    for tracked in findings_in_order(findings):
        accepted = tracked.state not in (State.FIRING, State.PENDING)
        alike = (thing(tracked.finding.subject), accepted, tracked.acknowledged_because)
        together.setdefault(alike, []).append(tracked)
    return [_told(group) for group in together.values()]


def _told(group: Sequence[Tracked]) -> Told:
    first = group[0]
    subject = first.finding.subject
    ports = sorted({t.finding.subject.port for t in group if t.finding.subject.port is not None})
    names = dict.fromkeys(t.finding.subject.domain for t in group if t.finding.subject.domain)
    earliest = min(group, key=lambda t: t.since)
    fixes = dict.fromkeys(printable(command) for t in group for command in t.finding.fix)
    return Told(
        kind=subject.kind,
        severity=first.finding.severity,
        states=Counter(t.state for t in group),
        where=place(subject if len(names) < 2 else subject._replace(domain=None), ports),
        names=tuple(map(printable, names)) if len(names) > 1 else (),
        since=earliest.since,
        began=earliest.began,
        present=any(t.present for t in group),
        reasons=_reasons(group),
        fixes=tuple(fixes),
        advice=tuple(dict.fromkeys(printable(t.finding.advice) for t in group if t.finding.advice)),
        acknowledged_because=printable(first.acknowledged_because),
    )


def _reasons(group: Sequence[Tracked]) -> tuple[str, ...]:
    """One will do where they differ in nothing but the name and the port."""
    reasons: dict[str, str] = {}
    for tracked in group:
        message = tracked.finding.message
        alike = _PORT.sub("", message).replace(tracked.finding.subject.domain or "\0", "")
        reasons.setdefault(alike, message)
    shown = [printable(message) for message in list(reasons.values())[:_MANY_REASONS]]
    if len(reasons) > len(shown):
        shown.append(f"and {count(len(reasons) - len(shown), 'more reason')}: see --format json")
    return tuple(shown)


def finding_lines(told: Sequence[Told], now: float, screen: Screen) -> Iterator[list[str]]:
    """A list of lines for each finding, or for a heap of the same kind. now: monotonic seconds."""
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
    if one.names:
        lines += screen.entry(_label("names"), first_few(one.names), column=_COLUMN, indent=_INDENT)
    for reason in one.reasons:
        lines += screen.entry(_label("why"), reason, column=_COLUMN, indent=_INDENT)
    lines += screen.entry(_label("state"), _state(one, now), column=_COLUMN, indent=_INDENT)
    return lines + _fix(one, screen)


def _fix(one: Told, screen: Screen) -> list[str]:
    """What to do, the best first; commands are never broken: they are for pasting."""
    lines: list[str] = []
    for advice in one.advice[:_MANY_REASONS]:
        lines += screen.entry(Cell("") if lines else _label("fix"), advice, column=_COLUMN, indent=_INDENT)
    for command in one.fixes:
        label = " " * 7 if lines else " " * _INDENT + screen.paint("fix", Style.DIM)
        lines.append(f"{label}    {command}")
    return lines


def _in_short(rest: Sequence[Told], screen: Screen) -> list[str]:
    """One line each, of the first."""
    title = f"{rest[0].kind}: {len(rest):,} more (--format json has the reason and the fix of each)"
    lines = screen.entry(_heading(rest[0]), title, column=10)
    for one in rest[:MANY_LINES]:
        names = f": {first_few(one.names)}" if one.names else ""
        pending = "" if one.states[State.FIRING] else " (pending)"
        lines.append(f"{' ' * _INDENT}{one.where}{names}{pending}")
    return lines + _left_out(rest)


def _left_out(every: Sequence[Told]) -> list[str]:
    more = len(every) - MANY_LINES
    return [f"{' ' * _INDENT}and {more:,} more"] if more > 0 else []


def _accepted(accepted: Sequence[Told], screen: Screen) -> list[str]:
    lines = [screen.paint("Acknowledged", Style.BOLD)]
    column = 4 + max(len(one.kind) for one in accepted)
    for one in accepted[:MANY_LINES]:
        names = f" ({first_few(one.names)})" if one.names else ""
        because = f": {one.acknowledged_because}" if one.acknowledged_because else ""
        lines += screen.entry(Cell(one.kind), f"{one.where}{names}{because}", column=column, indent=2)
    return lines + _left_out(accepted)


def _heading(one: Told) -> Cell:
    return Cell(one.severity.upper(), SEVERITY_STYLES[one.severity])


def _label(text: str) -> Cell:
    return Cell(text, Style.DIM)


def _state(one: Told, now: float) -> str:
    """`check` has no memory: what it finds it sees for the first time, and `since` says nothing."""
    age = one.age(now)
    if age is not None and age < 1:
        return one.state
    mixed = len(one.states) > 1
    lasting = "" if age is None else "," if mixed else f" for {duration(age)},"
    text = f"{one.state}{lasting} since {rfc3339(one.since)}"
    return text if one.present else f"{text}; gone just now, resolved if it stays so"
