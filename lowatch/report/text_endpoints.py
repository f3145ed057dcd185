"""The endpoints of a text report: a table of those that matter, and a count of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, groupby

from lowatch.core.addresses import format_address
from lowatch.core.answers import View
from lowatch.core.verdicts import JudgedEndpoint, Verdict
from lowatch.core.views import IN_WORDS

from .order import endpoints_in_order
from .phrases import count, listed, printable
from .terminal import Cell, Screen, Style, narrowest_table

FEW = 12
"""So many endpoints are all shown, whatever they are."""
MANY_ROWS = 24
"""Rows of a table, at most: what is wrong with the others is among the findings."""

# Worst first. UNUSED and SERVED are as it should be.
_STYLES = {
    Verdict.ORPHAN: Style.RED,
    Verdict.UNKNOWN: Style.YELLOW,
    Verdict.FILTERED: Style.YELLOW,
    Verdict.BACKLOGGED: Style.YELLOW,
    Verdict.REDIRECTED: Style.CYAN,
    Verdict.SERVED: Style.GREEN,
    Verdict.UNUSED: Style.DIM,
}
_FINE = frozenset({Verdict.SERVED, Verdict.UNUSED})
_HEADER = ("DOMAIN", "ADDRESS", "DEV", "PORT", "VERDICT", "SERVED BY")

Row = list[Cell]


def endpoint_lines(endpoints: Iterable[JudgedEndpoint], screen: Screen) -> list[str]:
    """No lines where no name resolves here."""
    every = endpoints_in_order(endpoints)
    shown = every if len(every) <= FEW else _that_matter(every)
    lines = _table([_row(endpoint) for endpoint in shown], screen) if shown else []
    if len(every) > len(shown):
        verdicts = Counter(e.verdict for e in every) - Counter(e.verdict for e in shown)
        lines += screen.paragraph(_others(verdicts, more=bool(shown)), Style.DIM)
    return lines


def _that_matter(endpoints: Sequence[JudgedEndpoint]) -> list[JudgedEndpoint]:
    """Those that are not as they should be: the worst, if they are too many."""
    ranks = {verdict: rank for rank, verdict in enumerate(_STYLES)}
    matter = [endpoint for endpoint in endpoints if endpoint.verdict not in _FINE]
    worst = sorted(matter, key=lambda endpoint: ranks[endpoint.verdict])[:MANY_ROWS]
    return endpoints_in_order(worst)


def _others(verdicts: Counter[Verdict], *, more: bool) -> str:
    number = count(verdicts.total(), "more endpoint" if more else "endpoint")
    if len(verdicts) == 1:
        return f"{number}, all {next(iter(verdicts))}: see --format json."
    each = [f"{verdicts[v]:,} {v}" for v in _STYLES if verdicts[v]]
    return f"{number}, {listed(each)}: see --format json."


def _row(endpoint: JudgedEndpoint) -> Row:
    return [
        Cell(printable(endpoint.domain), Style.BOLD),
        Cell(format_address(endpoint.address)),
        Cell(printable(endpoint.interface)),
        Cell(str(endpoint.port)),
        Cell(endpoint.verdict, _STYLES[endpoint.verdict]),
        Cell(_served_by(endpoint) + _source(endpoint)),
    ]


def _source(endpoint: JudgedEndpoint) -> str:
    """Who gave the address, where it was not DNS."""
    return "" if endpoint.view is View.DNS else f" (name by {IN_WORDS[endpoint.view]})"


def _served_by(endpoint: JudgedEndpoint) -> str:
    """The socket's unit, or its owner; and where it is bound, if that is not just this address."""
    if endpoint.verdict is Verdict.UNKNOWN:
        return f"? {printable(endpoint.reason)}".rstrip()
    listener = endpoint.listener
    if listener is None:
        return "-" if endpoint.verdict is not Verdict.ORPHAN else "nobody"
    owner = printable(listener.unit) if listener.unit else listener.owner
    if listener.address == endpoint.address:
        return owner
    return f"{owner} at {format_address(listener.address)}"


def _table(rows: list[Row], screen: Screen) -> list[str]:
    """One line per endpoint, where that fits; else its domain on a line above.

    A name is never cut: it is what everybody searches for.
    """
    header = [Cell(title, Style.DIM) for title in _HEADER]
    if narrowest_table([header, *rows]) <= screen.width:
        return list(chain(*screen.table([header, *rows])))
    lines = [screen.paint("Names that resolve here", Style.BOLD)]
    body = screen.table([row[1:] for row in rows], indent=4)
    for domain, same in groupby(zip(rows, body, strict=True), key=lambda pair: pair[0][0]):
        lines.append("  " + screen.paint(*domain))
        lines += chain(*(row_lines for _, row_lines in same))
    return lines
