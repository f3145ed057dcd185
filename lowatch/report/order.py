"""How reports sort and group what they list. The order is always the same, and the worst comes first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable

from lowatch.core.addresses import Address, Port
from lowatch.core.answers import Answer
from lowatch.core.findings import Finding, FindingKind, Severity
from lowatch.core.held import Held
from lowatch.core.lifecycle import FindingState, Tracked
from lowatch.core.steps import result_of
from lowatch.core.verdicts import JudgedEndpoint

from .pieces import sort

_KINDS = tuple(FindingKind)
_STATES = (FindingState.FIRING, FindingState.PENDING, FindingState.ACKNOWLEDGED, FindingState.RESOLVED)


def findings_in_order(findings: Iterable[Tracked]) -> list[Tracked]:
    """Findings sorted by finding_order(), in steps that let other threads run in between."""
    return list(result_of(sort(findings, finding_order)))


def endpoints_in_order(endpoints: Iterable[JudgedEndpoint]) -> list[JudgedEndpoint]:
    return sorted(endpoints, key=endpoint_order)


def group_key(finding: Finding) -> Hashable:
    """Equal for findings that a person counts as one: those of one kind and severity at one address."""
    kind, interface, address, domain, _, prefixlen = finding.subject
    return kind, finding.info, interface, address, prefixlen, domain if address is None else None


def count_groups(findings: Iterable[Tracked]) -> Counter[tuple[Severity, FindingState]]:
    """The number of groups (see group_key) per severity and state."""
    found = {
        (
            kind,
            tracked.finding.info,
            tracked.state,
            interface,
            address,
            prefixlen,
            domain if address is None else None,
        )
        for tracked in findings
        for kind, interface, address, domain, _, prefixlen in (tracked.finding.subject,)  # as group_key()
    }
    counts: Counter[tuple[Severity, FindingState]] = Counter()
    for (kind, info, state), number in Counter(one[:3] for one in found).items():
        counts[Severity.INFO if info else kind.severity, state] += number
    return counts


def names_in_order(answers: Iterable[Answer]) -> list[Answer]:
    return sorted(answers, key=lambda answer: answer.domain)


def _number(address: Address | None) -> tuple[int, bytes]:
    """A sort key: no address, then IPv4, then IPv6, each by number (192.0.2.9 before 192.0.2.10)."""
    return (0, b"") if address is None else (len(address), bytes(address))


def endpoint_order(endpoint: JudgedEndpoint) -> tuple[object, ...]:
    """A sort key: by domain, address, port and view."""
    return (endpoint.domain, *_number(endpoint.address), endpoint.port, endpoint.view)


def held_order(held: Held) -> tuple[object, ...]:
    """A sort key: by interface, then IPv4 before IPv6, then by number."""
    prefix = (*_number(held.address), held.prefixlen)
    return (held.interface, *prefix, held.by, held.label or "", held.table or 0)


def finding_order(tracked: Tracked) -> tuple[object, ...]:
    """A sort key: acknowledged and resolved ones last, then by severity, kind, state and subject."""
    subject = tracked.finding.subject
    return (
        tracked.state in (FindingState.ACKNOWLEDGED, FindingState.RESOLVED),
        -tracked.finding.severity.rank,
        _KINDS.index(subject.kind),
        _STATES.index(tracked.state),
        subject.domain or "",
        *_number(subject.address),
        subject.interface or "",
        subject.port or Port(0, ""),
        subject.prefixlen or 0,
    )
