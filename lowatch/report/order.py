"""The order in which a report lists things: the same for the same audit, and the worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable

from lowatch.core.addresses import Address, Port
from lowatch.core.answers import Answer
from lowatch.core.findings import FindingKind, Severity, Subject
from lowatch.core.held import Held
from lowatch.core.lifecycle import State, Tracked
from lowatch.core.verdicts import JudgedEndpoint

from .pieces import sort

_KINDS = tuple(FindingKind)
_STATES = (State.FIRING, State.PENDING, State.ACKNOWLEDGED, State.RESOLVED)


def findings_in_order(findings: Iterable[Tracked]) -> list[Tracked]:
    """As sorted() has it; where a thread sorts many, others get their turn."""
    steps = sort(findings, finding_order)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return list(end.value)


def endpoints_in_order(endpoints: Iterable[JudgedEndpoint]) -> list[JudgedEndpoint]:
    return sorted(endpoints, key=endpoint_order)


def group_key(subject: Subject) -> Hashable:
    """The same for all findings that are one thing to a person: of one kind, at one address."""
    kind, interface, address, domain, _, prefixlen = subject
    return kind, interface, address, prefixlen, domain if address is None else None


def count_groups(findings: Iterable[Tracked]) -> Counter[tuple[Severity, State]]:
    """How many things there are of each severity and state: what a person counts."""
    found = {
        (kind, one.state, interface, address, prefixlen, domain if address is None else None)
        for one in findings
        for kind, interface, address, domain, _, prefixlen in (one.finding.subject,)  # as thing() has it
    }
    kinds = Counter((kind, state) for kind, state, *_ in found)
    return sum((Counter({(kind.severity, state): n}) for (kind, state), n in kinds.items()), Counter())


def names_in_order(answers: Iterable[Answer]) -> list[Answer]:
    return sorted(answers, key=lambda answer: answer.domain)


def _number(address: Address | None) -> tuple[int, bytes]:
    """Sorts IPv4 before IPv6, and 192.0.2.9 before 192.0.2.10; what has no address comes first."""
    return (0, b"") if address is None else (len(address), bytes(address))


def endpoint_order(endpoint: JudgedEndpoint) -> tuple[object, ...]:
    """By domain, address, port and view."""
    return (endpoint.domain, *_number(endpoint.address), endpoint.port, endpoint.view)


def held_order(held: Held) -> tuple[object, ...]:
    """By interface, then IPv4 before IPv6, then by number."""
    where = (held.interface, *_number(held.address), held.prefixlen)
    return (*where, held.by, held.label or "", held.table or 0)


def finding_order(tracked: Tracked) -> tuple[object, ...]:
    """Those nobody has accepted yet before the others, then by severity, kind and place."""
    subject = tracked.finding.subject
    return (
        tracked.state in (State.ACKNOWLEDGED, State.RESOLVED),
        -tracked.finding.severity.rank,
        _KINDS.index(subject.kind),
        _STATES.index(tracked.state),
        subject.domain or "",
        *_number(subject.address),
        subject.interface or "",
        subject.port or Port(0, ""),
        subject.prefixlen or 0,
    )
