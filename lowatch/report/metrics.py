"""An audit as metrics: a series for each endpoint, finding and held address, and no more.

A series that has left the audit has left the exposition. There may be 100,000 of them, so they are
encoded straight from the audit: prometheus_client would keep an object and a lock for each. What
counts for as long as the daemon lives is in metrics_instruments.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import product
from typing import NamedTuple, Protocol

from lowatch.core.addresses import Address, Port, family_name, format_address
from lowatch.core.answers import Status
from lowatch.core.audit import Audit
from lowatch.core.findings import Kind, Subject
from lowatch.core.lifecycle import State, Tracked
from lowatch.core.limits import ACKNOWLEDGED_SERIES, DOMAIN_STATUS_SERIES, FINDING_SERIES, ORPHAN_SERIES
from lowatch.core.names import UNSETTLED
from lowatch.core.printable import printable
from lowatch.core.verdicts import JudgedEndpoint, Verdict

from .metrics_families import (
    AUDIT_COMPLETE,
    DOMAIN_STATUS,
    DOMAINS,
    FINDING,
    FINDING_ACKNOWLEDGED,
    FINDINGS,
    HELD_ADDRESSES,
    LAST_AUDIT_TIMESTAMP,
    LO_ORPHAN_VIP,
    PROBLEMS,
    Family,
)
from .metrics_text import encode, escape, exposition, header, series, template
from .order import findings_in_order

# Exported from the start, so that an alert can tell zero from no data.
USUAL_SOURCES = ("config", "dns", "getaddrinfo", "hosts", "kernel", "netlink", "sock_diag", "sysctl")
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
        acknowledged_lines, acknowledged_dropped = _acknowledged_lines(audit.findings)
        status_lines, statuses_dropped = _domain_status_lines(audit)
        ORPHAN_SERIES.reached(orphans_dropped)
        FINDING_SERIES.reached(findings_dropped)
        ACKNOWLEDGED_SERIES.reached(acknowledged_dropped)
        DOMAIN_STATUS_SERIES.reached(statuses_dropped)
        lines = [
            *orphan_lines,
            *finding_lines,
            *exposition(FINDINGS, _count_findings(audit.findings)),
            *acknowledged_lines,
            *exposition(HELD_ADDRESSES, _count_held(audit)),
            *exposition(DOMAINS, _count_domains(audit)),
            *status_lines,
            *exposition(AUDIT_COMPLETE, [(AUDIT_COMPLETE.name, int(audit.complete))]),
            *exposition(PROBLEMS, _count_problems(audit)),
            *exposition(LAST_AUDIT_TIMESTAMP, [(LAST_AUDIT_TIMESTAMP.name, audit.audited_at)]),
        ]
        dropped = orphans_dropped + findings_dropped + acknowledged_dropped + statuses_dropped
        return Rendered(encode(lines), dropped)

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
    place = (escape(_shown(interface)), format_address(address), escape(domain))
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
    return _capped(FINDING, names, cap)


def _finding_series(tracked: Tracked) -> str:
    finding, subject = tracked.finding, tracked.finding.subject
    return series(FINDING, subject.kind, finding.severity, tracked.state, *_place(subject))


def _place(subject: Subject) -> tuple[str, str, str]:
    """The labels interface, address, domain."""
    address = "" if subject.address is None else format_address(subject.address)
    return _shown(subject.interface or ""), address, subject.domain or ""


def _shown(interface: str) -> str:
    """As a label has it: its name, but for what a terminal or a page would obey."""
    return interface if interface.isprintable() else printable(interface)


def _acknowledged_lines(findings: Collection[Tracked]) -> tuple[list[str], int]:
    """The worst are kept. Findings that differ in nothing but a port or a prefix share a series.

    That is there only while all of them are acknowledged: an alert leaves out whatever it names.
    """
    accepted = [tracked for tracked in findings if tracked.state is State.ACKNOWLEDGED]
    if not accepted:
        return _capped(FINDING_ACKNOWLEDGED, [], ACKNOWLEDGED_SERIES.value)
    others = {_about(tracked) for tracked in findings if tracked.state in (State.PENDING, State.FIRING)}
    named = (one.finding.subject for one in findings_in_order(accepted) if _about(one) not in others)
    names = list(dict.fromkeys(series(FINDING_ACKNOWLEDGED, one.kind, *_place(one)) for one in named))
    return _capped(FINDING_ACKNOWLEDGED, names, ACKNOWLEDGED_SERIES.value)


def _about(tracked: Tracked) -> tuple[object, ...]:
    """What two findings have in common that share a series."""
    subject = tracked.finding.subject
    return subject.kind, subject.interface, subject.address, subject.domain


def _domain_status_lines(audit: Audit) -> tuple[list[str], int]:
    """The most doubtful are kept. What is left out of audit.names already is counted as dropped, too."""
    doubtful = sorted(
        (UNSETTLED.index(status), answer.domain)
        for answer in audit.names
        if (status := answer.status) is not Status.RESOLVED
    )
    names = [series(DOMAIN_STATUS, domain, UNSETTLED[rank]) for rank, domain in doubtful]
    lines, _ = _capped(DOMAIN_STATUS, names, DOMAIN_STATUS_SERIES.value)
    every = max(len(names), sum(audit.statuses.get(status, 0) for status in UNSETTLED))
    return lines, max(0, every - DOMAIN_STATUS_SERIES.value)


def _capped(family: Family, names: Sequence[str], cap: int) -> tuple[list[str], int]:
    """The lines of a family whose series are all 1, and how many the cap left out."""
    samples = [(name, 1) for name in sorted(names[:cap])]
    return list(exposition(family, samples)), max(0, len(names) - cap)


def _count_problems(audit: Audit) -> Iterator[tuple[str, int]]:
    """The usual sources, absent ones too: an alert can tell zero from no data."""
    counts = Counter(problem.source for problem in audit.problems)
    for source in sorted({*USUAL_SOURCES, *counts}):
        yield series(PROBLEMS, source), counts[source]


def _count_findings(findings: Iterable[Tracked]) -> Iterator[tuple[str, int]]:
    """Every kind in every state, absent ones too: an alert can tell zero from no data."""
    counts = Counter((tracked.finding.subject.kind, tracked.state) for tracked in findings)
    for kind, state in product(Kind, _STATES):
        yield series(FINDINGS, kind, state), counts[kind, state]


def _count_held(audit: Audit) -> Iterator[tuple[str, int]]:
    counts = Counter((held.interface, family_name(held.address)) for held in audit.held)
    interfaces = sorted({interface for interface, _ in counts})
    for interface, family in product(interfaces, ("ipv4", "ipv6")):
        yield series(HELD_ADDRESSES, _shown(interface), family), counts[interface, family]


def _count_domains(audit: Audit) -> Iterator[tuple[str, int]]:
    for status in Status:
        yield series(DOMAINS, status), audit.statuses.get(status, 0)
