"""captured-vip: a domain names the unit that must serve it, and another one does.

Without such a unit, for information: a listener on all addresses answers for one port of a name whose other
ports are another service's. Sources: docs/internals/cases.md 13 and 14: a listener on all addresses also
answers on a VIP whose own service is elsewhere, or gone. The unit is that of the listener's cgroup
(docs/internals/kernel.md, Listeners); where that is unknown, nothing is captured.
"""

from __future__ import annotations

from collections.abc import Iterable

from lowatch.core.addresses import format_address
from lowatch.core.findings import Finding, FindingKind, Undecided
from lowatch.core.listeners import Listener
from lowatch.core.policy import Domain
from lowatch.core.snapshot import DomainObservation
from lowatch.core.verdicts import JudgedEndpoint, Verdict, served_by_the_way

from .endpoints import subject_of, undecided_addresses, undecided_endpoint
from .resolution import resolution_of


def captured_vip(
    domain: Domain, observed: DomainObservation, endpoints: tuple[JudgedEndpoint, ...]
) -> Iterable[Finding | Undecided]:
    if not domain.unit and len(domain.ports) == 1 and observed.answer.srv_records is None:
        return  # there is no other port
    yield from undecided_addresses(FindingKind.CAPTURED_VIP, domain, observed)
    if domain.unit:
        yield from _by_another_unit(domain, observed, endpoints)
    else:
        yield from _by_the_way(domain, observed, endpoints)


def _by_another_unit(
    domain: Domain, observed: DomainObservation, endpoints: tuple[JudgedEndpoint, ...]
) -> Iterable[Finding | Undecided]:
    resolution = resolution_of(observed)
    for endpoint in endpoints:
        if endpoint.verdict is Verdict.UNKNOWN:
            yield undecided_endpoint(FindingKind.CAPTURED_VIP, domain, endpoint, endpoint.reason)
        elif endpoint.verdict is Verdict.CAPTURED and endpoint.listener is not None:
            yield Finding(
                subject_of(FindingKind.CAPTURED_VIP, domain, endpoint),
                f"{resolution(endpoint)}, but {_by(endpoint.listener)} serves {endpoint.port} there, "
                f"not {domain.unit}",
                advice=f"find out why {domain.unit} does not listen on {format_address(endpoint.address)}, "
                f"and keep {endpoint.listener.unit} off that address",
            )


def _by_the_way(
    domain: Domain, observed: DomainObservation, endpoints: tuple[JudgedEndpoint, ...]
) -> Iterable[Finding | Undecided]:
    """Nobody has said who must serve it, so there has to be evidence that this listener is not meant."""
    unknown = [one for one in endpoints if one.verdict is Verdict.UNKNOWN]
    for endpoint in unknown:  # it may be the evidence for any other
        yield Undecided(
            FindingKind.CAPTURED_VIP, endpoint.reason, domain=domain.name, address=endpoint.address
        )
    resolution = resolution_of(observed)
    for endpoint in served_by_the_way(endpoints):
        evidence = [text for text in (_evidence(endpoint, other) for other in endpoints) if text]
        if evidence and endpoint.listener is not None:
            unit = endpoint.listener.unit
            yield Finding(
                subject_of(FindingKind.CAPTURED_VIP, domain, endpoint),
                f"{resolution(endpoint)}, where {_by(endpoint.listener)} serves {endpoint.port} and "
                f"nothing else of that name, but {', '.join(evidence)}: clients may get the wrong service",
                advice=f"if {unit} is meant there, acknowledge this; if not, keep it off "
                f"{format_address(endpoint.address)}",
                info=True,
            )


def _evidence(endpoint: JudgedEndpoint, other: JudgedEndpoint) -> str:
    """What shows that the address is another service's than the listener's; "" for what does not."""
    if other.address != endpoint.address:
        return ""
    if other.verdict is Verdict.REDIRECTED:
        return f"{other.port} is redirected"
    if other.verdict is Verdict.ORPHAN:
        return f"nothing listens on {other.port}"
    listener = other.listener
    if listener is None or listener.address != endpoint.address or not listener.unit:
        return ""
    return f"{listener.unit} serves {other.port} by a listener on that address"


def _by(listener: Listener) -> str:
    """The unit and its socket, followed by a comma."""
    where = f"a listener on {format_address(listener.address)}"
    if not any(listener.address):
        where = "a listener on all addresses"
    return f"{listener.unit}, by {where} (inode {listener.inode}),"
