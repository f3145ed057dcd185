"""The names in a text report that do not resolve: phrases for the headline, and a line for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from lowatch.core.addresses import format_address
from lowatch.core.answers import Answer, AnswerStatus
from lowatch.core.name_outcomes import ABSENT, UNSETTLED, name_report
from lowatch.core.printable import printable
from lowatch.report.phrases import count, duration, listed

from .screen import Cell, Screen, Style

FEW = 10


def doubts(statuses: Mapping[AnswerStatus, int], names: Iterable[Answer] = ()) -> Iterator[str]:
    """Phrases for the headline about names without an address, or with a stale one; not about unknown ones.

    names: those of an audit. If only one does not resolve, the phrase has its name.
    """
    absent = sum(statuses.get(status, 0) for status in ABSENT)
    if absent == 1 and (only := next((one for one in names if one.status in ABSENT), None)):
        yield f"{printable(only.domain)} does not resolve ({only.status})"
    elif absent:
        each = [f"{statuses[s]:,} {s}" for s in UNSETTLED if s in ABSENT and statuses.get(s)]
        verb = "does" if absent == 1 else "do"
        yield f"{_share(absent, statuses)} {verb} not resolve ({', '.join(each)})"
    stale = statuses.get(AnswerStatus.STALE, 0)
    if stale:
        yield f"{_share(stale, statuses)} {'has' if stale == 1 else 'have'} only a stale answer"


def _share(number: int, statuses: Mapping[AnswerStatus, int]) -> str:
    return f"{number:,} of {count(sum(statuses.values()), 'domain')}"


def name_lines(
    names: Iterable[Answer], statuses: Mapping[AnswerStatus, int], now: float, screen: Screen
) -> list[str]:
    """The first unresolved names, the least certain first. now: monotonic seconds.

    statuses: the numbers of all names, which may be more than `names` has.
    """
    unresolved = sorted(
        (answer for answer in names if answer.status is not AnswerStatus.RESOLVED),
        key=lambda answer: (UNSETTLED.index(answer.status), answer.domain),
    )
    if not unresolved:
        return []
    lines = [screen.paint("Unresolved domains", Style.BOLD)]
    for answer in unresolved[:FEW]:
        lines += _line(answer, now, screen)
    more = sum(statuses.get(status, 0) for status in UNSETTLED) - min(len(unresolved), FEW)
    if more > 0:
        lines.append(f"  and {more:,} more: see --format json.")
    return lines


def _line(answer: Answer, now: float, screen: Screen) -> list[str]:
    report = name_report(answer, now)
    style = Style.DIM if report.status in ABSENT else Style.YELLOW
    age = "" if report.age is None else f" for {duration(report.age)}"
    kept = f"; last known: {listed(_addresses(answer))}" if report.addresses else ""
    text = f"{printable(report.name)}{age}: {printable(report.reason)}{kept}"
    return screen.entry(Cell(report.status, style), text, column=12, indent=2)


def _addresses(answer: Answer) -> list[str]:
    shown = [format_address(address) for address in answer.addresses[:3]]
    more = len(answer.addresses) - len(shown)
    return [*shown, f"{more:,} more"] if more else shown
