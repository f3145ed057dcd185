"""An audit as text: the conclusion first, then findings and fixes, then the evidence.

Text from outside (names, labels, reasons) is escaped with printable().
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from lowatch.core.answers import AnswerStatus
from lowatch.core.audit import Audit
from lowatch.core.findings import Severity
from lowatch.core.printable import printable
from lowatch.core.verdicts import Verdict
from lowatch.core.words import rfc3339
from lowatch.report.digest import GroupSummary, summarise_groups
from lowatch.report.phrases import count, host_and_netns, listed

from .endpoints import accepted_endpoints, endpoint_lines, verdicts_of_names, words
from .findings import SEVERITY_STYLES, finding_lines
from .names import doubts, name_lines
from .screen import Cell, Screen, Style

MANY_LINES = 50
"""A longer report repeats its conclusion at the end, the part that a terminal shows."""
_MANY_PROBLEMS = 10


def render(audit: Audit, *, colour: bool, width: int) -> str:
    """The output of `lowatch check`: lines of printable ASCII, with SGR sequences if `colour`.

    width: columns of the terminal. Only commands and names, which are never broken, exceed it.
    """
    screen = Screen(colour, width)
    summaries = summarise_groups(audit.findings)
    conclusion = screen.paragraph(*_conclusion(audit, summaries))
    sections = [
        conclusion + screen.paragraph(_context(audit), Style.DIM),
        *finding_lines(summaries, audit.monotonic, audit.audited_at, screen, audit.boot),
        endpoint_lines(audit.endpoints, accepted_endpoints(audit.findings), screen),
        name_lines(audit.names, audit.statuses, audit.monotonic, screen),
        _problem_lines(audit, screen),
        _verification_lines(audit, screen),
    ]
    if sum(map(len, sections)) > MANY_LINES:
        sections.append(conclusion)
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def render_progress(done: int, total: int) -> str:
    """The progress of an audit as one line, whose length depends only on `total`."""
    full = 20
    part = full if not total else full * min(done, total) // total
    digits = len(f"{total:,}")
    return f"[{'#' * part}{'-' * (full - part)}] {done:>{digits},} of {total:,} domains"


def _conclusion(audit: Audit, summaries: Sequence[GroupSummary]) -> tuple[str, Style]:
    """The first sentence of the report, and its style."""
    active = [one for one in summaries if one.active]
    but = list(doubts(audit.statuses, audit.names))
    also = f" {listed(but)}." if but else ""
    if active:
        worst = active[0].severity
        before = "Nothing urgent: " if audit.complete and worst is Severity.INFO else ""
        after = "" if audit.complete else " The audit is incomplete: there may be more."
        return f"{before}{_verdict_on(active)}{after}{also}", SEVERITY_STYLES[worst]
    beside = f" besides {count(len(summaries), 'acknowledged finding')}" if summaries else ""
    if not audit.complete:
        return (
            f"Incomplete: nothing wrong found{beside}, but {_what_is_unknown(audit)}.{also}",
            Style.YELLOW,
        )
    if not (audit.searched or any(audit.statuses.values())):
        but.append("no domain is configured or given, so none was checked")
    if but:
        return f"Nothing wrong found{beside}, but {listed(but)}.", Style.YELLOW
    accepted = f" except for {count(len(summaries), 'acknowledged finding')}" if summaries else ""
    return f"All clear{accepted}: {_what_is_clear(audit)}.", Style.GREEN


def _verdict_on(active: Sequence[GroupSummary]) -> str:
    """For example: 1 critical finding: orphan-vip, www.example.com at 192.0.2.10 on lo, 80/tcp."""
    severities = Counter(one.severity for one in active)
    kinds = Counter(one.kind for one in active)
    numbers = [f"{severities[s]:,} {s}" for s in reversed(Severity) if severities[s]]
    noun = "finding" if len(active) == 1 else "findings"
    if len(active) == 1:
        of_names = f", {len(active[0].names):,} domains" if active[0].names else ""
        what = f"{active[0].kind}, {active[0].where}{of_names}"
    elif len(kinds) == 1:
        names = {name for one in active for name in one.names}
        of_names = f" ({len(names):,} domains)" if len(names) > len(active) else ""
        return f"{listed(numbers)} {noun}, all {active[0].kind}{of_names}."
    else:
        what = ", ".join(f"{k} ({n:,})" if n > 1 else k for k, n in kinds.items())
    return f"{listed(numbers)} {noun}: {what}."


def _what_is_clear(audit: Audit) -> str:
    names = sum(audit.statuses.values())
    here = verdicts_of_names(audit.endpoints)
    if not here:
        return f"{count(names, 'domain')} checked, none resolves to this host"
    if len(here) > 1:
        each = listed([f"{number:,} {words(verdict)}" for verdict, number in here.items()])
        return f"{count(names, 'domain')} checked, {here.total():,} resolve to this host: {each}"
    verdict, number = next(iter(here.items()))
    here_and = "resolves to this host and is" if number == 1 else "resolve to this host and are"
    return f"{count(names, 'domain')} checked, {number:,} {here_and} {words(verdict)}"


def _what_is_unknown(audit: Audit) -> str:
    endpoints = sum(endpoint.verdict is Verdict.UNKNOWN for endpoint in audit.endpoints)
    names = audit.statuses.get(AnswerStatus.UNKNOWN, 0)
    each = [f"{names:,} of {count(sum(audit.statuses.values()), 'domain')}"] if names else []
    each += [f"{endpoints:,} of {count(len(audit.endpoints), 'endpoint')}"] if endpoints else []
    if not each:
        return "not everything could be observed"
    return f"{listed(each)} {'is' if names + endpoints == 1 else 'are'} unknown"


def _context(audit: Audit) -> str:
    """The host, the time, and the numbers of domains and addresses."""
    held = count(len(audit.held), "address", "addresses")
    statuses = [(s, number) for s in AnswerStatus if (number := audit.statuses.get(s))]
    names = count(sum(number for _, number in statuses), "domain") if statuses else "no domains"
    if len(statuses) == 1:
        names += f" {statuses[0][0]}"
    elif statuses:
        names += f" ({', '.join(f'{number:,} {s}' for s, number in statuses)})"
    return f"{host_and_netns(audit.host, audit.netns)}, {rfc3339(audit.audited_at)}: {names}, {held} held"


def _problem_lines(audit: Audit, screen: Screen) -> list[str]:
    """Every failure to observe, each once, with the number of times."""
    problems = Counter((printable(p.source), printable(p.message)) for p in audit.problems)
    if not problems:
        return []
    shown = list(problems.items())[:_MANY_PROBLEMS]
    column = 4 + max(len(source) for (source, _), _ in shown)
    lines = [screen.paint("Could not be observed", Style.BOLD)]
    for (source, message), times in shown:
        text = message if times == 1 else f"{message} ({times:,} times)"
        lines += screen.entry(Cell(source, Style.YELLOW), text, column=column, indent=2)
    if len(problems) > len(shown):
        lines.append(f"  and {len(problems) - len(shown):,} more: see --format json.")
    return lines


def _verification_lines(audit: Audit, screen: Screen) -> Sequence[str]:
    if audit.verification is None:
        return ()
    from .verification import verification_lines  # noqa: PLC0415  # few checks are verified

    return verification_lines(audit.verification, screen)
