"""filtered-vip: a listener is there, but local clients do not reach it.

Sources: a half-open connect that is refused or gets no answer, though the kernel's lookup finds a listener
with room in its queue: a packet filter is between them. Or routing that leads its replies elsewhere
(docs/internals/kernel.md, Policy rules). While lo is down nobody reaches any listener: holder-down says it
once.
"""

from __future__ import annotations

from collections.abc import Iterable

from lowatch.core.addresses import format_address
from lowatch.core.findings import Finding, FindingKind, Undecided
from lowatch.core.known import Unknown
from lowatch.core.listeners import Connect, Endpoint, Listener
from lowatch.core.policy import Domain
from lowatch.core.snapshot import DomainObservation, PortObservation
from lowatch.core.verdicts import JudgedEndpoint, Verdict

from .endpoints import subject_of, undecided_addresses, undecided_endpoint
from .resolution import resolution_of


def filtered_vip(
    domain: Domain, observed: DomainObservation, endpoints: tuple[JudgedEndpoint, ...]
) -> Iterable[Finding | Undecided]:
    yield from undecided_addresses(FindingKind.FILTERED_VIP, domain, observed)
    ports = {Endpoint(local.address, port.port): port for local in observed.local for port in local.ports}
    resolution = resolution_of(observed)
    for endpoint in endpoints:
        port = ports[Endpoint(endpoint.address, endpoint.port)]
        unknown = _unknown(endpoint, port)
        if unknown:
            yield undecided_endpoint(FindingKind.FILTERED_VIP, domain, endpoint, unknown)
        elif endpoint.verdict is Verdict.FILTERED and endpoint.listener is not None:
            wrong, advice = _evidence(endpoint, port)
            if not wrong:
                continue
            yield Finding(
                subject_of(FindingKind.FILTERED_VIP, domain, endpoint),
                f"{resolution(endpoint)}, where {_who(endpoint.listener)} listens on {endpoint.port}, "
                f"but {wrong}",
                advice=advice,
            )


def _unknown(endpoint: JudgedEndpoint, port: PortObservation) -> str:
    """Why it is unknown whether the listener answers; "" if it is known."""
    if endpoint.verdict is Verdict.UNKNOWN:
        return endpoint.reason
    if isinstance(port.connect, Unknown) and endpoint.verdict in (Verdict.SERVED, Verdict.CAPTURED):
        return f"{port.connect.source}: {port.connect.reason}"
    return ""


def _who(listener: Listener) -> str:
    return f"{listener.unit or listener.owner} (inode {listener.inode})"


def _evidence(endpoint: JudgedEndpoint, port: PortObservation) -> tuple[str, str]:
    """What is wrong, and what to look at; ("", "") while only lo is down."""
    address = format_address(endpoint.address)
    if not port.way_back:
        return (
            "its replies to clients on this host are routed elsewhere",
            f"look at the policy rules (ip rule) and at the local routes of {address} in all tables",
        )
    rules = "look at the packet filter (nft list ruleset, iptables-save)"
    if port.connect is Connect.REFUSED:
        return "connects from this host are refused: something rejects their packets", rules
    if port.connect is Connect.TIMED_OUT:
        return "connects from this host time out: something drops their packets", rules
    return "", ""
