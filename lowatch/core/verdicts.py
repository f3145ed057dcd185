"""The verdict on an endpoint: served, orphan and so on, as the kernel decides."""

from __future__ import annotations

from collections.abc import Container
from enum import StrEnum
from typing import NamedTuple

from .addresses import Address, Port, family_name
from .answers import View
from .findings import Finding, Undecided
from .known import Unknown
from .listeners import SILENT, Connect, Endpoint, Listener
from .policy import Domain
from .snapshot import DomainObservation, LocalAddress, PortObservation


class Verdict(StrEnum):
    SERVED = "served"
    ORPHAN = "orphan"
    UNUSED = "unused"
    """Nothing serves it, but another port of the same any-of set is served."""
    BACKLOGGED = "backlogged"
    FILTERED = "filtered"
    """A listener is there, but a local connect cannot reach it."""
    REDIRECTED = "redirected"
    """No socket, but a connect is accepted: DNAT, IPVS, TPROXY."""
    UNKNOWN = "unknown"


class JudgedEndpoint(NamedTuple):
    """One row of the report's `endpoints`.

    reason: why it is UNKNOWN, or "". view: which of the name's views gave the address.
    """

    domain: str
    address: Address
    interface: str
    port: Port
    verdict: Verdict
    listener: Listener | None = None
    reason: str = ""
    view: View = View.DNS

    @property
    def is_no_orphan(self) -> bool:
        """Whether it is known not to be an orphan, whatever else is unknown."""
        return self.verdict not in (Verdict.ORPHAN, Verdict.UNKNOWN) or self.listener is not None


class OrphanKey(NamedTuple):
    """The labels of one series of lo_orphan_vip."""

    interface: str
    address: Address
    domain: str
    port: Port


FINE = frozenset({Verdict.SERVED, Verdict.UNUSED, Verdict.REDIRECTED})
"""Verdicts that need no report."""

# Verdicts where something answers. Silent ports of the same any-of set are then fine.
_ANSWERED = frozenset({Verdict.SERVED, Verdict.BACKLOGGED, Verdict.FILTERED, Verdict.REDIRECTED})


def judge_port(observed: PortObservation, *, loopback_up: bool) -> Verdict:
    """The verdict for one port alone. The other ports of its any-of set are considered later.

    A connect without an answer proves nothing (docs/decisions.md). While lo is down, every connect times
    out, unless NAT leads to another host. Sources: docs/internals/kernel.md (the exact lookup agrees with
    connect(); self-connects time out while lo is down), inet_diag (rqueue > wqueue: a full accept queue).
    """
    listener = observed.listener
    if isinstance(listener, Unknown):
        return Verdict.UNKNOWN
    if listener is None:
        if isinstance(observed.connect, Unknown) or (observed.connect in SILENT and loopback_up):
            return Verdict.UNKNOWN
        return Verdict.REDIRECTED if observed.connect is Connect.ACCEPTED else Verdict.ORPHAN
    if not (loopback_up and observed.way_back):
        return Verdict.FILTERED
    return Verdict.BACKLOGGED if listener.accept_queue_full else Verdict.SERVED


def _unknown_reason(observed: PortObservation) -> str:
    for answer in (observed.listener, observed.connect):
        if isinstance(answer, Unknown):
            return f"{answer.source}: {answer.reason}"
    return _silence(observed)


_NOT_REFUSED = "was not refused: NAT may forward it, or a firewall may drop it"


def _silence(observed: PortObservation) -> str:
    """Why the lack of an answer does not show who serves a port."""
    if observed.connect is Connect.PENDING:
        return f"connect: {observed.connect}"
    if observed.port.protocol == "udp":
        return f"connect: no socket, but an empty datagram {_NOT_REFUSED}"
    return f"connect: no socket, but a connect {_NOT_REFUSED}"


def any_of(domain: Domain, observed: DomainObservation) -> bool:
    """Whether one of its ports is enough. All ports from SRV records are required."""
    return domain.any_of and observed.answer.srv_records is None


def judge_address(
    domain: Domain, observed: DomainObservation, local: LocalAddress, *, loopback_up: bool
) -> list[JudgedEndpoint]:
    """Verdicts for each expected port of a domain at one of its local addresses."""
    judged = []
    for port in local.ports:
        listener, verdict = port.listener, judge_port(port, loopback_up=loopback_up)
        judged.append(
            JudgedEndpoint(
                domain.name,
                local.address,
                local.interface,
                port.port,
                verdict,
                None if isinstance(listener, Unknown) else listener,
                _unknown_reason(port) if verdict is Verdict.UNKNOWN else "",
                observed.answer.view,
            )
        )
    if len(judged) + len(local.away) == 1 or not any_of(domain, observed):
        return judged
    return _as_siblings(judged, local)


def _as_siblings(judged: list[JudgedEndpoint], local: LocalAddress) -> list[JudgedEndpoint]:
    """The verdicts for an any-of set (the default ports).

    If one port is answered, the ports without a socket are UNUSED unless a connect was accepted there. A
    connect without an answer changes nothing: it is known only if one happened to be made before. If no
    port is answered and one is UNKNOWN or led to another host, that one might serve: all are UNKNOWN.
    """
    if any(endpoint.verdict in _ANSWERED for endpoint in judged):
        return [
            endpoint._replace(verdict=Verdict.UNUSED, reason="")
            if port.listener is None and endpoint.verdict in (Verdict.ORPHAN, Verdict.UNKNOWN)
            else endpoint
            for endpoint, port in zip(judged, local.ports, strict=True)
        ]
    unknown = next((one for one in judged if one.verdict is Verdict.UNKNOWN), None)
    if unknown is not None:
        reason = f"a sibling port is unknown: {unknown.reason}"
    elif local.away:
        reason = (
            f"policy routing sends a sibling port, {local.away[0]}, to another host, which may serve it"
        )
    else:
        return judged
    return [
        endpoint._replace(verdict=Verdict.UNKNOWN, reason=endpoint.reason or reason) for endpoint in judged
    ]


def judge_endpoints(
    domain: Domain, observed: DomainObservation, *, loopback_up: bool
) -> tuple[JudgedEndpoint, ...]:
    """All endpoints of a domain.

    If the answer is UNKNOWN, endpoints of that family that are not fine become UNKNOWN: the domain may no
    longer resolve to them. An endpoint that is fine stays so, wherever the domain resolves.
    """
    endpoints: list[JudgedEndpoint] = []
    for local in observed.local:
        endpoints += judge_address(domain, observed, local, loopback_up=loopback_up)
    if observed.answer.unknown is None:
        return tuple(endpoints)
    unknowns = observed.answer.unknowns
    return tuple(
        endpoint._replace(verdict=Verdict.UNKNOWN, reason=unknowns[family])
        if (family := family_name(endpoint.address)) in unknowns and endpoint.verdict not in FINE
        else endpoint
        for endpoint in endpoints
    )


class DomainJudgement(NamedTuple):
    """The verdicts and findings of one domain."""

    endpoints: tuple[JudgedEndpoint, ...]
    findings: tuple[Finding, ...] = ()
    undecided: tuple[Undecided, ...] = ()


def connects_needed(
    domain: Domain, observed: DomainObservation, unhealthy: Container[Endpoint], *, loopback_up: bool
) -> list[Endpoint]:
    """The endpoints that need a connect to tell whether they are orphans, and have none yet.

    unhealthy: endpoints that were orphans before. They need a connect also while DNS fails.
    """
    silent = {
        Endpoint(local.address, port.port)
        for local in observed.local
        for port in local.ports
        if port.listener is None and port.connect is None
    }
    if not silent:
        return []
    found = []
    for judged in judge_endpoints(domain, observed, loopback_up=loopback_up):
        endpoint = Endpoint(judged.address, judged.port)
        wanted = judged.verdict is Verdict.ORPHAN or (
            judged.verdict is Verdict.UNKNOWN and endpoint in unhealthy
        )
        if wanted and endpoint in silent:
            found.append(endpoint)
    return found
