"""The metrics of an audit: series for its endpoints, findings, held addresses and domains.

A series disappears with what it is about. There may be 100,000 series, so they are encoded directly from
the audit, without an object for each. instruments.py has the metrics that last as long as the daemon.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from itertools import product
from typing import NamedTuple

from lowatch.core.addresses import family_name, format_address
from lowatch.core.answers import AnswerStatus
from lowatch.core.audit import Audit
from lowatch.core.findings import FindingKind, Subject
from lowatch.core.lifecycle import FindingState, Tracked
from lowatch.core.limits.alerts import (
    ACKNOWLEDGED_SERIES,
    DOMAIN_STATUS_SERIES,
    FINDING_SERIES,
    ORPHAN_SERIES,
)
from lowatch.core.name_outcomes import UNSETTLED
from lowatch.core.printable import printable
from lowatch.core.verdicts import JudgedEndpoint, OrphanKey, Verdict
from lowatch.report.order import finding_order
from lowatch.report.pieces import PAUSE, slices, sort

from .exposition import Format, encode, escape, exposition, header, series, template, with_label
from .families import (
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

# Exported from the start, so that alerts can distinguish zero from no data.
USUAL_SOURCES = (
    "config", "connect", "dns", "getaddrinfo", "host", "hosts", "kernel", "lookups", "netlink", "sock_diag",
    "sysctl", "zone",
)  # fmt: skip
_STATES = (FindingState.PENDING, FindingState.FIRING, FindingState.ACKNOWLEDGED)


class Rendered(NamedTuple):
    """The exposition of an audit. dropped: the number of series that the caps left out."""

    body: bytes
    dropped: int


def orphan_values(endpoints: Iterable[JudgedEndpoint]) -> dict[OrphanKey, int]:
    """The values of lo_orphan_vip for all endpoints with a known verdict: 1 orphaned, 0 otherwise.

    An UNKNOWN endpoint has no value: the daemon keeps the last known one, `check` shows none. If two
    endpoints have the same labels (the same endpoint in two views), 1 wins.
    """
    values: dict[OrphanKey, int] = {}
    for endpoint in endpoints:
        if endpoint.verdict is not Verdict.UNKNOWN and not endpoint.guessed:
            key = OrphanKey(endpoint.interface, endpoint.address, endpoint.domain, endpoint.port)
            values[key] = values.get(key, 0) or int(endpoint.verdict is Verdict.ORPHAN)
    return values


class AuditEncoder:
    """Encodes one audit after another, and caches the text of each orphan series while it exists.

    For 10,000 endpoints the cache saves two thirds of a scrape's time, and takes 250 bytes each.
    orphan_cap, finding_cap: the largest number of series of lo_orphan_vip and lowatch_finding.
    """

    def __init__(
        self, *, orphan_cap: int = ORPHAN_SERIES.value, finding_cap: int = FINDING_SERIES.value
    ) -> None:
        self._orphan_cap = orphan_cap
        self._finding_cap = finding_cap
        self._names: dict[OrphanKey, str] = {}
        self._in_order: list[OrphanKey] = []
        self.dropped = 0
        """The number of series that the caps left out of the last complete exposition."""

    @property
    def kept(self) -> int:
        """How many orphan series have their text in the cache."""
        return len(self._names)

    def render(self, audit: Audit, orphans: Mapping[OrphanKey, int]) -> Rendered:
        """The whole exposition at once."""
        return Rendered(b"".join(self.pieces(audit, orphans)), self.dropped)

    def pieces(
        self, audit: Audit, orphans: Mapping[OrphanKey, int], form: Format = Format.TEXT
    ) -> Iterator[bytes]:
        """The families of an audit, sorted, in UTF-8, in pieces (pieces.py). One exposition at a time.

        orphans: the values of lo_orphan_vip, which must not change until the last piece.
        """
        orphans_dropped = yield from self._orphan_lines(orphans, form)
        ORPHAN_SERIES.reached(orphans_dropped)
        findings_dropped = yield from _finding_lines(audit.findings, self._finding_cap, form)
        FINDING_SERIES.reached(findings_dropped)
        yield from _count_findings(audit.findings, form)
        acknowledged_dropped = yield from _acknowledged_lines(audit.findings, form)
        ACKNOWLEDGED_SERIES.reached(acknowledged_dropped)
        yield from _count_held(audit, form)
        yield encode(exposition(DOMAINS, _count_domains(audit), form))
        statuses_dropped = yield from _domain_status_lines(audit, form)
        DOMAIN_STATUS_SERIES.reached(statuses_dropped)
        yield encode(
            (
                *exposition(AUDIT_COMPLETE, [(AUDIT_COMPLETE.name, int(audit.complete))], form),
                *exposition(PROBLEMS, _count_problems(audit), form),
                *exposition(LAST_AUDIT_TIMESTAMP, [(LAST_AUDIT_TIMESTAMP.name, audit.audited_at)], form),
            )
        )
        self.dropped = orphans_dropped + findings_dropped + acknowledged_dropped + statuses_dropped

    def _orphan_lines(self, orphans: Mapping[OrphanKey, int], form: Format) -> Generator[bytes, None, int]:
        """Returns the number of series left out, which are those with value 0 first."""
        yield encode([header(LO_ORPHAN_VIP, form)])
        yield from self._update_names(orphans)
        ones = 0
        for values in slices(orphans.values()):
            ones += sum(values)
            yield PAUSE
        room = [max(0, self._orphan_cap - ones), self._orphan_cap]
        for keys in slices(self._in_order):
            lines = []
            for key in keys:
                value = orphans[key]
                room[value] -= 1
                if room[value] >= 0:
                    lines.append(f"{self._names[key]} {value}\n")
            yield encode(lines)
        return max(0, len(orphans) - self._orphan_cap)

    def _update_names(self, orphans: Iterable[OrphanKey]) -> Iterator[bytes]:
        """Cache the names and the order of exactly these series. They are sorted only after a change."""
        known, self._names = self._names, {}
        in_order, self._in_order = self._in_order, []
        new = False
        for keys in slices(orphans):
            for key in keys:
                name = known.get(key)
                if name is None:
                    name, new = _orphan_series(key), True
                self._names[key] = name
            yield PAUSE
        if new or len(in_order) != len(self._names):
            in_order = []
            for keys in slices((yield from sort(self._names, self._names.__getitem__))):
                in_order += keys
                yield PAUSE
        self._in_order = in_order


def render_audit(audit: Audit) -> Rendered:
    """The exposition of a single audit, for `check`. All series of a network namespace have its name."""
    rendered = AuditEncoder().render(audit, orphan_values(audit.endpoints))
    return rendered._replace(body=in_netns(rendered.body, audit.netns))


def in_netns(lines: bytes, netns: str) -> bytes:
    """Whole lines of an exposition, each series with the label of a network namespace; as is for ""."""
    if not netns:
        return lines
    labelled = (with_label(line, "netns", shown(netns)) for line in lines.decode().split("\n"))
    return encode(["\n".join(labelled)])


_ORPHAN = template(LO_ORPHAN_VIP)


def _orphan_series(key: OrphanKey) -> str:
    labels = (escape(shown(key.interface)), format_address(key.address), escape(key.domain))
    return _ORPHAN % (*labels, key.port.number, key.port.protocol)


def _finding_lines(findings: Iterable[Tracked], cap: int, form: Format) -> Generator[bytes, None, int]:
    """Returns the number of series left out. Findings that differ only in port or prefix share a series."""
    ranked = (
        (finding_order(tracked), _finding_series(tracked))
        if tracked.finding.subject.kind is not FindingKind.ORPHAN_VIP and tracked.state in _STATES
        else None
        for tracked in findings
    )
    return (yield from _capped(FINDING, ranked, cap, form))


def _finding_series(tracked: Tracked) -> str:
    finding, subject = tracked.finding, tracked.finding.subject
    return series(FINDING, subject.kind, finding.severity, tracked.state, *_labels(subject))


def _labels(subject: Subject) -> tuple[str, str, str]:
    """The values of the labels interface, address and domain."""
    address = "" if subject.address is None else format_address(subject.address)
    return shown(subject.interface or ""), address, subject.domain or ""


def shown(name: str) -> str:
    """The name of an interface or namespace as a label's value, without what a terminal interprets."""
    return name if name.isprintable() else printable(name)


def _acknowledged_lines(findings: Collection[Tracked], form: Format) -> Generator[bytes, None, int]:
    """Returns the number of series left out. Findings that differ only in port or prefix share a series.

    The series exists only while all of them are acknowledged, because alerts leave out what it names.
    """
    accepted: list[Tracked] = []
    for some in slices(findings):
        accepted += [tracked for tracked in some if tracked.state is FindingState.ACKNOWLEDGED]
        yield PAUSE
    keys = set(map(_series_key, accepted))
    for some in slices(findings if keys else ()):
        keys.difference_update(
            _series_key(tracked)
            for tracked in some
            if tracked.state in (FindingState.PENDING, FindingState.FIRING)
        )
        yield PAUSE
    ranked = (
        (
            finding_order(tracked),
            series(FINDING_ACKNOWLEDGED, tracked.finding.subject.kind, *_labels(tracked.finding.subject)),
        )
        if _series_key(tracked) in keys
        else None
        for tracked in accepted
    )
    return (yield from _capped(FINDING_ACKNOWLEDGED, ranked, ACKNOWLEDGED_SERIES.value, form))


def _series_key(tracked: Tracked) -> tuple[object, ...]:
    """Equal for findings that share a series of lowatch_finding_acknowledged."""
    subject = tracked.finding.subject
    return subject.kind, subject.interface, subject.address, subject.domain


def _domain_status_lines(audit: Audit, form: Format) -> Generator[bytes, None, int]:
    """Returns the number of series left out, including names that audit.names leaves out already."""
    ranked = (
        ((UNSETTLED.index(status), answer.domain), series(DOMAIN_STATUS, answer.domain, status))
        if (status := answer.status) is not AnswerStatus.RESOLVED
        else None
        for answer in audit.names
    )
    cap = DOMAIN_STATUS_SERIES.value
    dropped = yield from _capped(DOMAIN_STATUS, ranked, cap, form)
    return max(dropped, sum(audit.statuses.get(status, 0) for status in UNSETTLED) - cap)


def _capped(
    family: Family, ranked: Iterable[tuple[object, str] | None], cap: int, form: Format
) -> Generator[bytes, None, int]:
    """The lines of a family whose series all have value 1, up to `cap`. Returns the number of other series.

    ranked: rank and series, of which the lowest ranks are kept; None is skipped.
    """
    seen: set[str] = set()
    first: list[tuple[object, str]] = []
    for some in slices(ranked):
        for entry in some:
            if entry is not None and entry[1] not in seen:
                seen.add(entry[1])
                first.append(entry)
        first = sorted(first)[:cap]
        yield PAUSE
    yield encode(exposition(family, [(name, 1) for name in sorted(name for _, name in first)], form))
    return len(seen) - len(first)


def _count_problems(audit: Audit) -> Iterator[tuple[str, int]]:
    """Problems by source, including the usual sources without any."""
    counts = Counter(problem.source for problem in audit.problems)
    for source in sorted({*USUAL_SOURCES, *counts}):
        yield series(PROBLEMS, source), counts[source]


def _count_findings(findings: Iterable[Tracked], form: Format) -> Iterator[bytes]:
    """Findings by kind and state, including combinations without any: alerts see zero, not no data."""
    counts: Counter[tuple[FindingKind, FindingState]] = Counter()
    for some in slices(findings):
        counts.update((tracked.finding.subject.kind, tracked.state) for tracked in some)
        yield PAUSE
    samples = [
        (series(FINDINGS, kind, state), counts[kind, state])
        for kind, state in product(FindingKind, _STATES)
    ]
    yield encode(exposition(FINDINGS, samples, form))


def _count_held(audit: Audit, form: Format) -> Iterator[bytes]:
    counts: Counter[tuple[str, str]] = Counter()
    for some in slices(audit.held):
        counts.update((held.interface, family_name(held.address)) for held in some)
        yield PAUSE
    keys = product(sorted({interface for interface, _ in counts}), ("ipv4", "ipv6"))
    samples = [(series(HELD_ADDRESSES, shown(name), family), counts[name, family]) for name, family in keys]
    yield encode(exposition(HELD_ADDRESSES, samples, form))


def _count_domains(audit: Audit) -> Iterator[tuple[str, int]]:
    for status in AnswerStatus:
        yield series(DOMAINS, status), audit.statuses.get(status, 0)
