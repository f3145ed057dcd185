"""What `lowatch check --verify` found, as text: one line where everything agrees."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lowatch.core.printable import printable
from lowatch.core.verification import Outcome, Verification
from lowatch.report.phrases import count, listed

from .screen import Cell, Screen, Style

_MANY = 10
_INDENT = 2


def verification_lines(verification: Verification, screen: Screen) -> list[str]:
    """The section of a report about an audit that was verified."""
    lines = []
    if verification.disagreements:
        places = count(len(verification.disagreements), "place")
        heading = f"Verification failed: lowatch is wrong in {places}."
        lines += screen.paragraph(heading, Style.RED)
        lines += _items(verification.disagreements, screen)
        lines += screen.paragraph(_what_to_do(verification.report))
    if verification.unseen:
        heading = "A client meets something else, by what this audit does not look at:"
        lines += screen.paragraph(heading, Style.YELLOW)
        lines += _items(verification.unseen, screen)
    style = Style.GREEN if verification.confirmed else Style.PLAIN
    lines += screen.paragraph(_counts(verification), style)
    if verification.missed:
        lines += screen.paragraph("Decoded only once:")
        lines += _items(verification.missed, screen)
    return lines


def _counts(verification: Verification) -> str:
    """For example: Verified: 12 verdicts by connects; 230 netlink messages, ... by libraries."""
    outcomes = verification.outcomes
    connects = f"{count(outcomes.get(Outcome.AGREES, 0), 'verdict')} by connects"
    read = [
        count(verification.messages, "netlink message"),
        count(verification.answers, "DNS answer"),
        count(verification.series, "series", "series"),
    ]
    rest = [
        f"{count(number, 'verdict')} {why}"
        for outcome, why in _NOT_COMPARED.items()
        if (number := outcomes.get(outcome, 0))
    ]
    more = f" Not compared: {listed(rest)}." if rest else ""
    heading = "Verified" if verification.confirmed else "Compared"
    return f"{heading}: {connects}; {listed(read)} by libraries.{more}"


_NOT_COMPARED = {
    Outcome.NOT_MET: "that no connect can tell (UDP, unknown, or not routed here)",
    Outcome.CHANGING: "that kept changing",
    Outcome.BEYOND: "beyond the limit",
}


def _items(texts: Sequence[str], screen: Screen) -> Iterable[str]:
    for text in texts[:_MANY]:
        yield from screen.entry(Cell("-"), printable(text), column=_INDENT + 2, indent=_INDENT)
    if len(texts) > _MANY:
        yield f"  and {len(texts) - _MANY:,} more: see --format json."


def _what_to_do(report: str) -> str:
    if not report:
        return "No bug report could be written. Please report it, with these lines."
    return (
        f"The bug report is {printable(report)}: what the audit saw, with names and addresses replaced. "
        "Please send it."
    )
