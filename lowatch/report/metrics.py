"""An audit as metrics: a series for each endpoint, finding and held address, and no more.

A series that has left the audit has left the exposition. There may be 100,000 of them, so they are
encoded straight from the audit: prometheus_client would keep an object and a lock for each. What
counts for as long as the daemon lives is in metrics_instruments.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import product
from typing import NamedTuple, Protocol

from lowatch.core.addresses import Address, Port, family_name, format_address
from lowatch.core.answers import Status
from lowatch.core.audit import Audit
from lowatch.core.findings import Kind
from lowatch.core.lifecycle import State, Tracked
from lowatch.core.limits import FINDING_SERIES, ORPHAN_SERIES
from lowatch.core.verdicts import JudgedEndpoint, Verdict

from .metrics_families import (
    DOMAINS,
    FINDING,
    FINDINGS,
    HELD_ADDRESSES,
    LAST_AUDIT_TIMESTAMP,
    LO_ORPHAN_VIP,
)
from .metrics_text import encode, escape, exposition, header, series, template
from .order import findings_in_order

_STATES = (State.PENDING, State.FIRING, State.ACKNOWLEDGED)


class LabelledEndpoint(Protocol):
    """What the labels of lo_orphan_vip are made of: a JudgedEndpoint, or less."""

    @property
    def interface(self) -> str: ...
    @property
    def address(self) -> Address: ...
    @property
    def domain(self) -> str: ...
    @property
    def port(self) -> Port: ...


class Rendered(NamedTuple):
    """An audit's exposition. dropped: how many series the caps left out of it."""

    body: bytes
    dropped: int


def orphan_values(endpoints: Iterable[JudgedEndpoint]) -> Iterator[tuple[JudgedEndpoint, int]]:
    """lo_orphan_vip of each endpoint whose verdict is known: 1 orphaned, 0 otherwise.

    UNKNOWN has no value of its own: the daemon keeps the last one it knew, `check` shows none.
    """
    for endpoint in endpoints:
        if endpoint.verdict is not Verdict.UNKNOWN:
            yield endpoint, int(endpoint.verdict is Verdict.ORPHAN)


class AuditEncoder:
    """Encodes audit after audit, and remembers what series are called for as long as they exist.

    With 10,000 endpoints that saves two thirds of a scrape's time, for 250 octets each.
    orphan_cap, finding_cap: how many series of lo_orphan_vip and lowatch_finding there may be.
    """

    def __init__(
        self, *, orphan_cap: int = ORPHAN_SERIES.value, finding_cap: int = FINDING_SERIES.value
    ) -> None:
        self._orphan_cap = orphan_cap
        self._finding_cap = finding_cap
        self._names: dict[tuple[str, Address, str, Port], str] = {}

    def render(self, audit: Audit, orphans: Iterable[tuple[LabelledEndpoint, int]]) -> Rendered:
        """The families that an audit gives, sorted, in UTF-8.

        orphans: `(endpoint, 1 or 0)`. Where two have the same labels (an endpoint that is seen in
        two views of its name), 1 wins.
        """
        orphan_lines, orphans_dropped = self._orphan_lines(orphans)
        finding_lines, findings_dropped = _finding_lines(audit.findings, self._finding_cap)
        ORPHAN_SERIES.reached(orphans_dropped)
        FINDING_SERIES.reached(findings_dropped)
        lines = [
            *orphan_lines,
            *finding_lines,
            *exposition(FINDINGS, _count_findings(audit.findings)),
            *exposition(HELD_ADDRESSES, _count_held(audit)),
            *exposition(DOMAINS, _count_domains(audit)),
            *exposition(LAST_AUDIT_TIMESTAMP, [(LAST_AUDIT_TIMESTAMP.name, audit.audited_at)]),
        ]
        return Rendered(encode(lines), orphans_dropped + findings_dropped)

    def _orphan_lines(self, orphans: Iterable[tuple[LabelledEndpoint, int]]) -> tuple[list[str], int]:
        known, self._names = self._names, {}
        values: dict[str, int] = {}
        for endpoint, value in orphans:
            key = (endpoint.interface, endpoint.address, endpoint.domain, endpoint.port)
            name = self._names[key] = known.get(key) or _orphan_series(*key)
            if not values.get(name):
                values[name] = value
        names = sorted(values)
        dropped = max(0, len(names) - self._orphan_cap)
        if dropped:
            names.sort(key=values.__getitem__, reverse=True)  # stable: the orphaned come first
            names = sorted(names[: self._orphan_cap])
        return [header(LO_ORPHAN_VIP), *[f"{name} {values[name]}\n" for name in names]], dropped


def render_audit(audit: Audit, orphans: Iterable[tuple[LabelledEndpoint, int]]) -> Rendered:
    """One audit by itself, as AuditEncoder.render: for `check`, which has no next one."""
    return AuditEncoder().render(audit, orphans)


_ORPHAN = template(LO_ORPHAN_VIP)


def _orphan_series(interface: str, address: Address, domain: str, port: Port) -> str:
    place = (escape(interface), format_address(address), escape(domain))
    return _ORPHAN % (*place, port.number, port.protocol)


def _finding_lines(findings: Iterable[Tracked], cap: int) -> tuple[list[str], int]:
    """The worst are kept. Findings that differ in nothing but a port or a prefix share a series."""
    names = list(
        dict.fromkeys(
            _finding_series(tracked)
            for tracked in findings_in_order(findings)
            if tracked.finding.subject.kind is not Kind.ORPHAN_VIP and tracked.state in _STATES
        )
    )
    samples = [(name, 1) for name in sorted(names[:cap])]
    return list(exposition(FINDING, samples)), max(0, len(names) - cap)


def _finding_series(tracked: Tracked) -> str:
    finding, subject = tracked.finding, tracked.finding.subject
    address = "" if subject.address is None else format_address(subject.address)
    place = (subject.interface or "", address, subject.domain or "")
    return series(FINDING, subject.kind, finding.severity, tracked.state, *place)


def _count_findings(findings: Iterable[Tracked]) -> Iterator[tuple[str, int]]:
    """Every kind in every state, absent ones too: an alert can tell zero from no data."""
    counts = Counter((tracked.finding.subject.kind, tracked.state) for tracked in findings)
    for kind, state in product(Kind, _STATES):
        yield series(FINDINGS, kind, state), counts[kind, state]


def _count_held(audit: Audit) -> Iterator[tuple[str, int]]:
    counts = Counter((held.interface, family_name(held.address)) for held in audit.held)
    interfaces = sorted({interface for interface, _ in counts})
    for interface, family in product(interfaces, ("ipv4", "ipv6")):
        yield series(HELD_ADDRESSES, interface, family), counts[interface, family]


def _count_domains(audit: Audit) -> Iterator[tuple[str, int]]:
    for status in Status:
        yield series(DOMAINS, status), audit.statuses.get(status, 0)
