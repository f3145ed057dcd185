"""What an endpoint is: served, orphan, or one of the shades between. The kernel is the judge."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from .addresses import Address, Port
from .answers import Status
from .listeners import Connect, Listener
from .observed import Unknown
from .policy import Domain
from .snapshot import DomainView, LocalAnswer, PortView


class Verdict(StrEnum):
    SERVED = "served"
    ORPHAN = "orphan"
    UNUSED = "unused"
    """Nobody serves it, but a sibling of the same any-of set is served."""
    BACKLOGGED = "backlogged"
    FILTERED = "filtered"
    """A listener is there, but a local connect cannot reach it."""
    REDIRECTED = "redirected"
    """No socket, but a connect is accepted: DNAT, IPVS, TPROXY."""
    UNKNOWN = "unknown"


class JudgedEndpoint(NamedTuple):
    """One row of the report's `endpoints`. reason: why it is UNKNOWN, or "" ."""

    domain: str
    address: Address
    interface: str
    port: Port
    verdict: Verdict
    listener: Listener | None = None
    reason: str = ""
    view: str = "dns"


# Verdicts with which somebody is there: they excuse the silent siblings of an any-of set.
_ANSWERED = frozenset({Verdict.SERVED, Verdict.BACKLOGGED, Verdict.FILTERED, Verdict.REDIRECTED})


def judge_port(view: PortView, *, loopback_up: bool) -> Verdict:
    """The verdict for one port by itself, before its siblings are considered.

    Sources: facts/kernel.md "Listeners" (the exact lookup agrees with connect()), "Locality" (lo down:
    self-connects time out), inet_diag's rqueue > wqueue for a full accept queue.
    """
    listener = view.listener
    if isinstance(listener, Unknown):
        return Verdict.UNKNOWN
    if listener is None:
        if isinstance(view.connect, Unknown):
            return Verdict.UNKNOWN
        return Verdict.REDIRECTED if view.connect is Connect.ACCEPTED else Verdict.ORPHAN
    if not loopback_up:
        return Verdict.FILTERED
    return Verdict.BACKLOGGED if listener.accept_queue_full else Verdict.SERVED


def _unknown_reason(view: PortView) -> str:
    for observed in (view.listener, view.connect):
        if isinstance(observed, Unknown):
            return f"{observed.source}: {observed.reason}"
    return ""


def judge_address(domain: Domain, local: LocalAnswer, *, loopback_up: bool) -> list[JudgedEndpoint]:
    """Verdicts for each expected port of a domain at one of its local addresses.

    Any-of (the default ports): where one port is answered, its silent siblings are UNUSED; where none
    is and one is UNKNOWN, the whole set is, for that one might serve.
    """
    verdicts = [judge_port(view, loopback_up=loopback_up) for view in local.ports]
    reasons = [_unknown_reason(view) for view in local.ports]
    if domain.any_of:
        if any(verdict in _ANSWERED for verdict in verdicts):
            verdicts = [Verdict.UNUSED if v is Verdict.ORPHAN else v for v in verdicts]
        elif Verdict.UNKNOWN in verdicts:
            reason = reasons[verdicts.index(Verdict.UNKNOWN)]
            reasons = [own or f"a sibling port is unknown: {reason}" for own in reasons]
            verdicts = [Verdict.UNKNOWN] * len(verdicts)
    return [
        JudgedEndpoint(
            domain=domain.name,
            address=local.address,
            interface=local.interface,
            port=view.port,
            verdict=verdict,
            listener=None if isinstance(view.listener, Unknown) else view.listener,
            reason=reason,
        )
        for view, verdict, reason in zip(local.ports, verdicts, reasons, strict=True)
    ]


def judge_endpoints(domain: Domain, view: DomainView, *, loopback_up: bool) -> tuple[JudgedEndpoint, ...]:
    """All endpoints of a domain. An answer that has become UNKNOWN makes every one of them UNKNOWN."""
    endpoints = [
        endpoint
        for local in view.local
        for endpoint in judge_address(domain, local, loopback_up=loopback_up)
    ]
    unknown = view.answer.unknown
    if unknown is None:
        return tuple(endpoints)
    stale = {
        address
        for rrset in (view.answer.a, view.answer.aaaa)
        if rrset.status is Status.UNKNOWN
        for address in rrset.addresses
    }
    return tuple(
        endpoint._replace(verdict=Verdict.UNKNOWN, reason=unknown)
        if endpoint.address in stale
        else endpoint
        for endpoint in endpoints
    )
