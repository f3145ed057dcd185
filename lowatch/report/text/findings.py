"""The findings of a text report: each with its kind, subject, reason, state, and fix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from lowatch.core.findings import FindingKind, Severity, Subject
from lowatch.core.lifecycle import FindingState
from lowatch.core.words import rfc3339
from lowatch.report.digest import GroupSummary
from lowatch.report.phrases import duration, failed_clients, served_ago, until_because

from .screen import Cell, Screen, Style

if TYPE_CHECKING:
    from lowatch.core.boot import Boot

SEVERITY_STYLES = {
    Severity.CRITICAL: Style.RED,
    Severity.WARNING: Style.YELLOW,
    Severity.INFO: Style.CYAN,
}
FEW = 5
"""Up to this number, all findings of a kind are shown in full; otherwise only the first."""
MANY_LINES = 20
"""The largest number of findings of a kind with one line each."""
_MANY_REASONS = 3
_INDENT = 4
_COLUMN = 11


def finding_lines(
    summaries: Sequence[GroupSummary],
    now: float,
    wall: float,
    screen: Screen,
    boot: Boot | None = None,
) -> Iterator[list[str]]:
    """A list of lines for each finding, or for several of one kind.

    now: monotonic seconds. wall: the same moment in wall-clock seconds. boot: what the files that
    configure addresses say, to be shown with each address.
    """
    active = [one for one in summaries if one.active]
    for _kind, alike in groupby(active, key=lambda one: one.kind):
        each = list(alike)
        in_full = len(each) if len(each) <= FEW else 1
        for one in each[:in_full]:
            yield _in_full(one, now, wall, screen, boot)
        if each[in_full:]:
            yield _in_short(each[in_full:], screen)
    accepted = [one for one in summaries if not one.active]
    if accepted:
        yield _accepted(accepted, screen)


def _in_full(one: GroupSummary, now: float, wall: float, screen: Screen, boot: Boot | None) -> list[str]:
    lines = screen.entry(_heading(one), f"{one.kind}: {one.where}", column=10)
    if one.named:
        lines += screen.entry(_label("names"), one.named, column=_COLUMN, indent=_INDENT)
    for reason in one.reasons:
        lines += screen.entry(_label("why"), reason, column=_COLUMN, indent=_INDENT)
    if one.last_served is not None:
        served = served_ago(one.last_served, wall)
        lines += screen.entry(_label("before"), served, column=_COLUMN, indent=_INDENT)
    if one.hurt is not None:
        lines += screen.entry(_label("hurt"), failed_clients(one.hurt), column=_COLUMN, indent=_INDENT)
    lines += screen.entry(_label("state"), _state(one, now), column=_COLUMN, indent=_INDENT)
    for text in () if boot is None else _boot(one.subject, boot):
        lines += screen.entry(_label("boot"), text, column=_COLUMN, indent=_INDENT)
    return lines + _fix(one, screen)


def _boot(subject: Subject, boot: Boot) -> Iterator[str]:
    from lowatch.report.boot import boot_texts  # noqa: PLC0415  # only a report of `check` has it

    if subject.address is not None:
        held = subject.kind is not FindingKind.MISSING_VIP
        yield from boot_texts(boot, subject.address, subject.prefixlen, subject.interface, held=held)


def _fix(one: GroupSummary, screen: Screen) -> list[str]:
    """Advice, commands, and what to change in files, the best first.

    Commands are never broken, because people paste them.
    """
    lines: list[str] = []
    for given in one.guidance:
        for advice in given.advice[:_MANY_REASONS]:
            label = Cell("") if lines else _label("fix")
            lines += screen.entry(label, advice, column=_COLUMN, indent=_INDENT)
        for command in given.commands:
            start = " " * 7 if lines else " " * _INDENT + screen.paint("fix", Style.DIM)
            lines.append(f"{start}    {command}")
        for outcome in given.rehearsed:
            lines += screen.entry(Cell(""), outcome, column=_COLUMN, indent=_INDENT)
        for persist in given.persist[:_MANY_REASONS]:
            lines += screen.entry(Cell(""), f"to persist: {persist}", column=_COLUMN, indent=_INDENT)
    return lines


def _in_short(rest: Sequence[GroupSummary], screen: Screen) -> list[str]:
    """One line for each of the first findings."""
    title = f"{rest[0].kind}: {len(rest):,} more (--format json has the reason and the fix of each)"
    lines = screen.entry(_heading(rest[0]), title, column=10)
    for one in rest[:MANY_LINES]:
        names = f": {one.named}" if one.named else ""
        pending = "" if one.states[FindingState.FIRING] else " (pending)"
        lines.append(f"{' ' * _INDENT}{one.where}{names}{pending}")
    return lines + _left_out(rest)


def _left_out(every: Sequence[GroupSummary]) -> list[str]:
    more = len(every) - MANY_LINES
    return [f"{' ' * _INDENT}and {more:,} more"] if more > 0 else []


def _accepted(accepted: Sequence[GroupSummary], screen: Screen) -> list[str]:
    lines = [screen.paint("Acknowledged", Style.BOLD)]
    column = 4 + max(len(one.kind) for one in accepted)
    for one in accepted[:MANY_LINES]:
        names = f" ({one.named})" if one.named else ""
        until = f", {until_because(one.acknowledgement)}" if one.acknowledgement else ""
        lines += screen.entry(Cell(one.kind), f"{one.where}{names}{until}", column=column, indent=2)
    return lines + _left_out(accepted)


def _heading(one: GroupSummary) -> Cell:
    return Cell(one.severity.upper(), SEVERITY_STYLES[one.severity])


def _label(text: str) -> Cell:
    return Cell(text, Style.DIM)


def _state(one: GroupSummary, now: float) -> str:
    """The state, and since when.

    `check` has no memory, so its findings have just shown, and get no time.
    """
    age = one.age(now)
    if age is not None and age < 1:
        return one.state
    mixed = len(one.states) > 1
    lasting = "" if age is None else "," if mixed else f" for {duration(age)},"
    text = f"{one.state}{lasting} since {rfc3339(one.since)}"
    return text if one.present else f"{text}; no longer present; resolved once the hold time has passed"
