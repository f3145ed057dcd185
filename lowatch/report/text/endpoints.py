"""The endpoints of a text report: a table of those that matter, and a count of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence, Set
from itertools import chain, groupby

from lowatch.core.addresses import Address, Port, format_address
from lowatch.core.answers import View
from lowatch.core.findings import FindingKind
from lowatch.core.lifecycle import FindingState, Tracked
from lowatch.core.printable import printable
from lowatch.core.verdicts import JudgedEndpoint, Verdict
from lowatch.core.views import IN_WORDS
from lowatch.report.order import endpoint_order, endpoints_in_order
from lowatch.report.phrases import count, listed

from .screen import Cell, Screen, Style, narrowest_table

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

_RANKS = {verdict: rank for rank, verdict in enumerate(_STYLES)}
_FOUND_BY = {FindingKind.ORPHAN_VIP: Verdict.ORPHAN, FindingKind.BACKLOGGED_VIP: Verdict.BACKLOGGED}

Row = list[Cell]
Accepted = Set[tuple[str | None, Address | None, Port | None, Verdict]]
"""The endpoints whose verdict somebody has accepted."""


def accepted_endpoints(findings: Iterable[Tracked]) -> Accepted:
    """Those of the acknowledged findings."""
    accepted = (one.finding.subject for one in findings if one.state is FindingState.ACKNOWLEDGED)
    return {(s.domain, s.address, s.port, _FOUND_BY[s.kind]) for s in accepted if s.kind in _FOUND_BY}


def endpoint_lines(endpoints: Iterable[JudgedEndpoint], accepted: Accepted, screen: Screen) -> list[str]:
    """No lines where no name resolves here."""
    every = endpoints_in_order(endpoints)
    if len(every) <= FEW:
        rows = [_row(one, _verdict(one, accepted)) for one in every]
        return _table(rows, screen) if rows else []
    groups = _that_matter(every, accepted)
    rows = [_row(one[0], _verdict(one[0], accepted), len(one)) for one in groups]
    lines = _table(rows, screen) if rows else []
    shown = Counter(endpoint.verdict for group in groups for endpoint in group)
    if verdicts := Counter(e.verdict for e in every) - shown:
        lines += screen.paragraph(_others(verdicts, more=bool(groups)), Style.DIM)
    return lines


def verdicts_of_names(endpoints: Iterable[JudgedEndpoint]) -> Counter[Verdict]:
    """How many names have each verdict as their worst; those first."""
    worst: dict[str, Verdict] = {}
    for domain, verdict in ((one.domain, one.verdict) for one in endpoints):
        worst[domain] = min(verdict, worst.get(domain, verdict), key=_RANKS.__getitem__)
    counts = Counter(worst.values())
    return Counter({verdict: counts[verdict] for verdict in _STYLES if counts[verdict]})


def words(verdict: Verdict) -> str:
    """What a name is with this verdict."""
    return "orphaned" if verdict is Verdict.ORPHAN else verdict.value


def _verdict(endpoint: JudgedEndpoint, accepted: Accepted) -> Cell:
    verdict = endpoint.verdict
    if (endpoint.domain, endpoint.address, endpoint.port, verdict) in accepted:
        return Cell(f"{verdict} (ack)", Style.DIM)
    return Cell(verdict, _STYLES[verdict])


def _that_matter(endpoints: Sequence[JudgedEndpoint], accepted: Accepted) -> list[list[JudgedEndpoint]]:
    """Those that are not as they should be, which differ in nothing but their names together.

    The worst, if they are too many.
    """
    alike: dict[tuple[Cell, ...], list[JudgedEndpoint]] = {}
    for endpoint in endpoints:
        if endpoint.verdict not in _FINE:
            cells = _row(endpoint, _verdict(endpoint, accepted))
            alike.setdefault(tuple(cells[1:]), []).append(endpoint)
    worst = sorted(alike.values(), key=lambda group: _RANKS[group[0].verdict])[:MANY_ROWS]
    return sorted(worst, key=lambda group: endpoint_order(group[0]))


def _others(verdicts: Counter[Verdict], *, more: bool) -> str:
    number = count(verdicts.total(), "more endpoint" if more else "endpoint")
    if len(verdicts) == 1:
        return f"{number}, all {next(iter(verdicts))}: see --format json."
    each = [f"{verdicts[v]:,} {v}" for v in _RANKS if verdicts[v]]
    return f"{number}, {listed(each)}: see --format json."


def _row(endpoint: JudgedEndpoint, verdict: Cell, names: int = 1) -> Row:
    """names: how many it stands for."""
    more = f" and {names - 1:,} more" if names > 1 else ""
    return [
        Cell(f"{printable(endpoint.domain)}{more}", Style.BOLD),
        Cell(format_address(endpoint.address)),
        Cell(printable(endpoint.interface)),
        Cell(str(endpoint.port)),
        verdict,
        Cell(_served_by(endpoint) + _source(endpoint)),
    ]


def _source(endpoint: JudgedEndpoint) -> str:
    """Who gave the address, where it was not DNS."""
    return "" if endpoint.view is View.DNS else f" (address from {IN_WORDS[endpoint.view]})"


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
    lines = [screen.paint("Domains that resolve to this host", Style.BOLD)]
    body = screen.table([row[1:] for row in rows], indent=4)
    for domain, same in groupby(zip(rows, body, strict=True), key=lambda pair: pair[0][0]):
        lines.append("  " + screen.paint(*domain))
        lines += chain(*(row_lines for _, row_lines in same))
    return lines
