"""The endpoints of a text report: a table of those with problems, and the number of the others."""

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
"""Up to this number, all endpoints are shown, whatever their verdict."""
MANY_ROWS = 24
"""The largest number of rows. The problems of the other endpoints are among the findings."""

# Worst first. UNUSED and SERVED are fine.
_STYLES = {
    Verdict.ORPHAN: Style.RED,
    Verdict.UNKNOWN: Style.YELLOW,
    Verdict.CAPTURED: Style.YELLOW,
    Verdict.FILTERED: Style.YELLOW,
    Verdict.BACKLOGGED: Style.YELLOW,
    Verdict.REDIRECTED: Style.CYAN,
    Verdict.SERVED: Style.GREEN,
    Verdict.UNUSED: Style.DIM,
}
_FINE = frozenset({Verdict.SERVED, Verdict.UNUSED})
_HEADER = ("DOMAIN", "ADDRESS", "DEV", "PORT", "VERDICT", "SERVED BY")

_RANKS = {verdict: rank for rank, verdict in enumerate(_STYLES)}
_FOUND_BY = {
    FindingKind.ORPHAN_VIP: Verdict.ORPHAN,
    FindingKind.BACKLOGGED_VIP: Verdict.BACKLOGGED,
    FindingKind.CAPTURED_VIP: Verdict.CAPTURED,
    FindingKind.FILTERED_VIP: Verdict.FILTERED,
}

Row = list[Cell]
Accepted = Set[tuple[str | None, Address | None, Port | None, Verdict]]
"""The endpoints with an acknowledged finding."""


def accepted_endpoints(findings: Iterable[Tracked]) -> Accepted:
    """The endpoints of the acknowledged findings."""
    accepted = (one.finding.subject for one in findings if one.state is FindingState.ACKNOWLEDGED)
    return {(s.domain, s.address, s.port, _FOUND_BY[s.kind]) for s in accepted if s.kind in _FOUND_BY}


def endpoint_lines(endpoints: Iterable[JudgedEndpoint], accepted: Accepted, screen: Screen) -> list[str]:
    """The table and the numbers; no lines if no name resolves to this host."""
    every = endpoints_in_order(endpoints)
    if len(every) <= FEW:
        rows = [_row(one, _verdict(one, accepted)) for one in every]
        return _table(rows, screen) if rows else []
    groups = _with_problems(every, accepted)
    rows = [_row(one[0], _verdict(one[0], accepted), len(one)) for one in groups]
    lines = _table(rows, screen) if rows else []
    shown = Counter(endpoint.verdict for group in groups for endpoint in group)
    if verdicts := Counter(e.verdict for e in every) - shown:
        lines += screen.paragraph(_others(verdicts, more=bool(groups)), Style.DIM)
    return lines


def verdicts_of_names(endpoints: Iterable[JudgedEndpoint]) -> Counter[Verdict]:
    """The number of names per worst verdict, the worst first."""
    worst: dict[str, Verdict] = {}
    for domain, verdict in ((endpoint.domain, endpoint.verdict) for endpoint in endpoints):
        worst[domain] = min(verdict, worst.get(domain, verdict), key=_RANKS.__getitem__)
    counts = Counter(worst.values())
    return Counter({verdict: counts[verdict] for verdict in _STYLES if counts[verdict]})


def words(verdict: Verdict) -> str:
    """The verdict as a predicate of a name."""
    return "orphaned" if verdict is Verdict.ORPHAN else verdict.value


def _verdict(endpoint: JudgedEndpoint, accepted: Accepted) -> Cell:
    verdict = endpoint.verdict
    if (endpoint.domain, endpoint.address, endpoint.port, verdict) in accepted:
        return Cell(f"{verdict} (ack)", Style.DIM)
    return Cell(verdict, _STYLES[verdict])


def _with_problems(endpoints: Sequence[JudgedEndpoint], accepted: Accepted) -> list[list[JudgedEndpoint]]:
    """The endpoints that are not fine, grouped if they differ only in their names.

    If there are too many groups, the worst.
    """
    groups: dict[tuple[Cell, ...], list[JudgedEndpoint]] = {}
    for endpoint in endpoints:
        if endpoint.verdict not in _FINE:
            cells = _row(endpoint, _verdict(endpoint, accepted))
            groups.setdefault(tuple(cells[1:]), []).append(endpoint)
    worst = sorted(groups.values(), key=lambda group: _RANKS[group[0].verdict])[:MANY_ROWS]
    return sorted(worst, key=lambda group: endpoint_order(group[0]))


def _others(verdicts: Counter[Verdict], *, more: bool) -> str:
    number = count(verdicts.total(), "more endpoint" if more else "endpoint")
    if len(verdicts) == 1:
        return f"{number}, all {next(iter(verdicts))}: see --format json."
    each = [f"{verdicts[v]:,} {v}" for v in _RANKS if verdicts[v]]
    return f"{number}, {listed(each)}: see --format json."


def _row(endpoint: JudgedEndpoint, verdict: Cell, names: int = 1) -> Row:
    """A row of the table. names: the number of names that it stands for."""
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
    """The view that gave the address, if it was not DNS."""
    return "" if endpoint.view is View.DNS else f" (address from {IN_WORDS[endpoint.view]})"


def _served_by(endpoint: JudgedEndpoint) -> str:
    """The socket's unit or owner, and the address that it is bound to, if it is another one."""
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
    """One line per endpoint if that fits; otherwise with the domain on a line above.

    A name is never cut, because people search for it.
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
