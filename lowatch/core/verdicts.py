"""The verdict on an endpoint: served, orphan and so on, as the kernel decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from .addresses import Address, Port, family_name, is_loopback
from .answers import View
from .findings import Finding, Undecided
from .known import Unknown
from .listeners import SILENT, Connect, Endpoint, Listener
from .policy import Domain
from .snapshot import DomainObservation, LocalAddress, PortObservation
from .values import new


class Verdict(StrEnum):
    SERVED = "served"
    ORPHAN = "orphan"
    UNUSED = "unused"
    """Nothing serves it, but another port of the same any-of set is served."""
    CAPTURED = "captured"
    """The domain names a unit, and another one serves it."""
    BACKLOGGED = "backlogged"
    FILTERED = "filtered"
    """A listener is there, but a local connect cannot reach it."""
    REDIRECTED = "redirected"
    """No socket, but a connect is accepted: DNAT, IPVS, TPROXY."""
    UNKNOWN = "unknown"


_SERVED, _UNKNOWN = Verdict.SERVED, Verdict.UNKNOWN  # for each port: from the class takes six times as long


class JudgedEndpoint(NamedTuple):
    """One row of the report's `endpoints`.

    reason: why it is UNKNOWN, or "". view: which of the name's views gave the address.
    guessed: see is_guess().
    """

    domain: str
    address: Address
    interface: str
    port: Port
    verdict: Verdict
    listener: Listener | None = None
    reason: str = ""
    view: View = View.DNS
    guessed: bool = False

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
_ANSWERED = frozenset(
    {Verdict.SERVED, Verdict.CAPTURED, Verdict.BACKLOGGED, Verdict.FILTERED, Verdict.REDIRECTED}
)


_UNANSWERED = frozenset({Connect.REFUSED, Connect.TIMED_OUT})
"""What local clients get where a listener is there, but its packets do not come through."""


def judge_port(observed: PortObservation, *, loopback_up: bool) -> Verdict:
    """The verdict for one port alone. The other ports of its any-of set are considered later.

    Without a listener, a connect without an answer proves nothing (docs/decisions.md). While lo is down,
    every connect times out, unless NAT leads to another host. Sources: docs/internals/kernel.md (the exact
    lookup agrees with connect(); self-connects time out while lo is down), inet_diag (rqueue > wqueue: a
    full accept queue).
    """
    listener = observed.listener
    if isinstance(listener, Listener):
        if not (loopback_up and observed.way_back):
            return Verdict.FILTERED
        if listener.accept_queue_full:
            return Verdict.BACKLOGGED  # it drops every SYN, so a connect proves nothing else
        return Verdict.FILTERED if observed.connect in _UNANSWERED else _SERVED
    if isinstance(listener, Unknown) or isinstance(observed.connect, Unknown):
        return Verdict.UNKNOWN
    if observed.connect in SILENT and loopback_up:
        return Verdict.UNKNOWN
    return Verdict.REDIRECTED if observed.connect is Connect.ACCEPTED else Verdict.ORPHAN


def _is_anothers(listener: Listener | Unknown | None, unit: str) -> bool:
    """Whether the listener certainly belongs to another unit.

    A socket of systemd's own, or of a container manager that passes sockets on, has its maker's cgroup
    (docs/internals/kernel.md, Listeners): the service behind it is not known.
    """
    if not isinstance(listener, Listener) or listener.unit in (None, unit):
        return False
    return listener.unit != "init.scope" and not str(listener.unit).endswith(".socket")


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


def served_in_different_ways(endpoints: Iterable[JudgedEndpoint]) -> bool:
    """Whether a listener on all addresses serves some of them, and something else serves others."""
    on_all = others = False
    for endpoint in endpoints:
        if endpoint.listener is not None and not any(endpoint.listener.address):
            on_all = True
        elif endpoint.listener is not None or endpoint.verdict is Verdict.REDIRECTED:
            others = True
    return on_all and others


def served_by_the_way(endpoints: Sequence[JudgedEndpoint]) -> Iterator[JudgedEndpoint]:
    """Those that a unit serves by a listener on all addresses, and no other endpoint of the same name.

    endpoints: all of one name. They may be another service's (docs/internals/cases.md 13, 14).
    """
    units = Counter(one.listener.unit for one in endpoints if one.listener is not None)
    for one in endpoints:
        listener = one.listener
        if (
            one.verdict is Verdict.SERVED
            and listener is not None
            and listener.unit is not None
            and listener.unit.endswith(".service")
            and units[listener.unit] == 1
            and not any(listener.address)
            and not is_loopback(one.address)
        ):
            yield one


def any_of(domain: Domain, observed: DomainObservation) -> bool:
    """Whether one of its ports is enough. All ports from SRV records are required."""
    return domain.any_of and observed.answer.srv_records is None


def is_guess(domain: Domain, local: LocalAddress) -> bool:
    """Whether nothing shows that the domain should serve its ports here: nothing listens, or ever did."""
    return domain.guessed and all(
        port.listener is None and port.last_served is None for port in local.ports
    )


def judge_address(
    domain: Domain, observed: DomainObservation, local: LocalAddress, *, loopback_up: bool
) -> list[JudgedEndpoint]:
    """Verdicts for each expected port of a domain at one of its local addresses."""
    name, address, interface, view = domain.name, local.address, local.interface, observed.answer.view
    judged, guessed = [], is_guess(domain, local)
    for port in local.ports:
        listener, verdict = port.listener, judge_port(port, loopback_up=loopback_up)
        if domain.unit and verdict is _SERVED and _is_anothers(listener, domain.unit):
            verdict = Verdict.CAPTURED
        served_by = None if isinstance(listener, Unknown) else listener
        reason = _unknown_reason(port) if verdict is _UNKNOWN else ""
        fields = (name, address, interface, port.port, verdict, served_by, reason, view, guessed)
        judged.append(new(JudgedEndpoint, fields))
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
    if observed.answer.is_complete:
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
