"""What the rules about a domain's endpoints have in common."""

from __future__ import annotations

from collections.abc import Iterator

from lowatch.core.findings import FindingKind, Subject, Undecided
from lowatch.core.policy import Domain
from lowatch.core.snapshot import DomainObservation
from lowatch.core.verdicts import JudgedEndpoint


def undecided_addresses(
    kind: FindingKind, domain: Domain, observed: DomainObservation
) -> Iterator[Undecided]:
    """Where it is unknown which endpoints there are: of a whole family, or at an address."""
    for family, reason in observed.answer.unknowns.items():
        yield Undecided(kind, reason, domain=domain.name, family=family)
    for address, reason in observed.undecided:
        yield Undecided(kind, reason, domain=domain.name, address=address)


def undecided_endpoint(
    kind: FindingKind, domain: Domain, endpoint: JudgedEndpoint, reason: str
) -> Undecided:
    return Undecided(kind, reason, domain=domain.name, address=endpoint.address, port=endpoint.port)


def subject_of(kind: FindingKind, domain: Domain, endpoint: JudgedEndpoint) -> Subject:
    return Subject(kind, endpoint.interface, endpoint.address, domain.name, endpoint.port)
