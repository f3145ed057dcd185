"""The plan of `lowatch clean` as text: for each finding what, why, since when, and what would be done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lowatch.core.addresses import format_address
from lowatch.core.audit import Audit
from lowatch.core.changes.candidates import Candidate
from lowatch.core.findings import Finding
from lowatch.core.printable import printable
from lowatch.core.verdicts import JudgedEndpoint
from lowatch.core.words import rfc3339
from lowatch.report.phrases import count, duration, first_few, outcome, place

from .findings import SEVERITY_STYLES
from .screen import Cell, Screen, Style

_COLUMN = 10
_SHOWN = 50
_REASONS = 3
"""Of one plan; the rest is counted."""


def render(audit: Audit, found: Sequence[Candidate], no_memory: str, *, colour: bool, width: int) -> str:
    """Lines of printable ASCII. no_memory: why no daemon knows since when; "" if one does."""
    screen = Screen(colour, width)
    lines = screen.paragraph(_conclusion(found, len(audit.findings)), Style.BOLD)
    if not audit.complete:
        lines += screen.paragraph("The audit is incomplete: there may be more.", Style.YELLOW)
    if found and no_memory:
        lines += screen.paragraph(f"Since when is not known: {printable(no_memory)}.", Style.DIM)
    sections = [lines, *(_section(one, audit, screen) for one in found[:_SHOWN])]
    if len(found) > _SHOWN:
        sections.append([f"and {len(found) - _SHOWN:,} more: name some by KIND or ADDRESS"])
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def what(finding: Finding) -> str:
    """As in: orphan-vip, 192.0.2.10 on lo."""
    return f"{finding.subject.kind}, {place(finding.subject._replace(domain=None, port=None))}"


def endpoint(one: JudgedEndpoint) -> str:
    """As in: www.example.com at 192.0.2.10, 80/tcp."""
    return f"{printable(one.domain)} at {format_address(one.address)}, {one.port}"


def _conclusion(found: Sequence[Candidate], every: int) -> str:
    """every: how many findings there are, those included that were not asked for."""
    if not found:
        others = f" there: {count(every, 'finding')} about something else" if every else ""
        return f"Nothing to fix{others}."
    findings = sum(len(one.findings) for one in found)
    fixed = sum(len(one.findings) for one in found if not one.refused)
    text = f"lowatch clean --apply would fix {fixed:,} of {count(findings, 'finding')}."
    plans = [one for one in found if not one.refused and not _is_rehearsed(one)]
    return f"{text} {count(len(plans), 'plan')} could not be rehearsed." if plans else text


def _is_rehearsed(one: Candidate) -> bool:
    return one.fix is not None and one.fix.rehearsal is not None and one.fix.rehearsal.outcome == "safe"


def _section(one: Candidate, audit: Audit, screen: Screen) -> list[str]:
    finding = one.findings[0]
    heading = Cell(finding.subject.kind, SEVERITY_STYLES[finding.severity])
    lines = screen.entry(
        heading, place(finding.subject._replace(domain=None, port=None)), column=_COLUMN + 2
    )
    for label, text in _entries(one, audit):
        lines += screen.entry(Cell(label, Style.DIM), printable(text), column=_COLUMN, indent=2)
    word = "would" if one.fix else "" if finding.advice else "instead"
    label = screen.paint(word, Style.DIM) + " " * (_COLUMN - 2 - len(word))
    for line in one.fix.commands if one.fix else finding.fix:  # never wrapped
        lines.append(f"  {label}{screen.paint(line, Style.CYAN)}")
        label = " " * (_COLUMN - 2)
    if one.fix is not None and one.fix.rehearsal is not None:
        lines += screen.entry(Cell(""), outcome(one.fix.rehearsal), column=_COLUMN, indent=2)
    if one.refused:
        left = printable(f"--apply does not touch it: {one.refused}")
        lines += screen.entry(Cell("leaves", Style.DIM), left, column=_COLUMN, indent=2)
    return lines


def _entries(one: Candidate, audit: Audit) -> Iterator[tuple[str, str]]:
    reasons = list(dict.fromkeys(finding.message for finding in one.findings))
    yield from (("why", reason) for reason in reasons[:_REASONS])
    if len(reasons) > _REASONS:
        yield "", f"and {len(reasons) - _REASONS:,} more reasons"
    if one.since is not None:
        yield "since", f"{rfc3339(one.since)}, {duration(audit.audited_at - one.since)} ago"
    if one.plan:
        kept = [
            f"{format_address(held.address)} on {held.interface}" for do, held in one.plan if do == "add"
        ]
        if kept:
            yield "keeps", first_few(kept)
    elif one.findings[0].advice:
        yield "instead", one.findings[0].advice
