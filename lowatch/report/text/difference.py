"""The differences between two audits as text: `lowatch diff`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lowatch.core.audit import Audit
from lowatch.core.printable import printable
from lowatch.core.recording.difference import Difference
from lowatch.core.words import rfc3339
from lowatch.report.phrases import host_and_netns

from .screen import Screen, Style


def render(before: Audit, after: Audit, differences: Iterable[Difference], *, colour: bool) -> str:
    """One line for each difference, and the two audits as a heading. Lines are not wrapped."""
    screen = Screen(colour, 0)
    lines = list(_lines(differences, screen)) or [screen.paint("No difference.", Style.GREEN)]
    heading = [f"--- {_audit(before)}", f"+++ {_audit(after)}"]
    return "".join(f"{line}\n" for line in (*heading, *lines))


def _audit(audit: Audit) -> str:
    return f"{host_and_netns(audit.host, audit.netns)}, {rfc3339(audit.audited_at)}"


def _lines(differences: Iterable[Difference], screen: Screen) -> Iterator[str]:
    for section, what, before, after in differences:
        subject = f"{section} {printable(what)}"
        if before is None:
            yield screen.paint(f"+ {_said(subject, after or '')}", Style.GREEN)
        elif after is None:
            yield screen.paint(f"- {_said(subject, before)}", Style.RED)
        else:
            change = f"{printable(before) or '(nothing)'} -> {printable(after) or '(nothing)'}"
            yield screen.paint(f"~ {subject}: {change}", Style.YELLOW)


def _said(subject: str, text: str) -> str:
    return f"{subject}: {printable(text)}" if text else subject
