"""orphan-vip: a domain resolves to an address delivered locally, and nothing serves an expected port.

Sources: docs/internals/cases.md 1, 2, 4, 8-11; on Linux a locally delivered address leads into the host
whatever the rest of the network says (RTN_LOCAL, ip-route(8)).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lowatch.core.addresses import Address, Port, format_address, is_loopback, is_v4
from lowatch.core.findings import Action, Change, Finding, FindingKind, Subject, Undecided
from lowatch.core.policy import Domain
from lowatch.core.snapshot import DomainObservation, LocalAddress
from lowatch.core.verdicts import JudgedEndpoint, Verdict, any_of

from .resolution import Resolution, resolution_of


def orphan_vip(
    domain: Domain, observed: DomainObservation, endpoints: tuple[JudgedEndpoint, ...]
) -> Iterable[Finding | Undecided]:
    for family, reason in observed.answer.unknowns.items():
        yield Undecided(FindingKind.ORPHAN_VIP, reason, domain=domain.name, family=family)
    for address, reason in observed.undecided:
        yield Undecided(FindingKind.ORPHAN_VIP, reason, domain=domain.name, address=address)
    by_address = {local.address: local for local in observed.local}
    resolution = resolution_of(observed)
    dead: dict[Address, list[Port]] = {}
    for endpoint in endpoints:
        if endpoint.verdict is Verdict.ORPHAN:
            dead.setdefault(endpoint.address, []).append(endpoint.port)
    for endpoint in endpoints:
        if endpoint.verdict is Verdict.UNKNOWN:
            yield Undecided(
                FindingKind.ORPHAN_VIP,
                endpoint.reason,
                domain=domain.name,
                address=endpoint.address,
                port=endpoint.port,
            )
        elif endpoint.verdict is Verdict.ORPHAN:
            local = by_address[endpoint.address]
            yield _finding(domain, observed, local, endpoint, resolution, dead[endpoint.address])


def _finding(
    domain: Domain,
    observed: DomainObservation,
    local: LocalAddress,
    endpoint: JudgedEndpoint,
    resolution: Resolution,
    dead: Sequence[Port],
) -> Finding:
    siblings = domain.ports if any_of(domain, observed) and len(domain.ports) > 1 else ()
    ports = _listed(siblings or (endpoint.port,))
    missing = _listed(siblings, "or") if siblings else _listed(dead, "and")
    change = _change(local)
    return Finding(
        Subject(FindingKind.ORPHAN_VIP, endpoint.interface, endpoint.address, domain.name, endpoint.port),
        f"{resolution(endpoint)}, {_where(local)}, but nothing listens there on "
        f"{ports}: requests from this host fail",
        any_of=siblings,
        advice=_advice(local, missing, change),
        proposed=change,
    )


def _advice(local: LocalAddress, ports: str, change: Change | None) -> str:
    """Advice: clients use the name, so bring its service back first."""
    start = f"start the service for {ports} on {format_address(local.address)}"
    if is_loopback(local.address):
        return f"{start}, or correct what the domain resolves to: every host has this address"
    return (
        start if change is not None else f"{start}; no command is offered: several prefixes make it local"
    )


def _listed(ports: Sequence[Port], word: str = "or") -> str:
    """As in: 80/tcp, 443/tcp or 8443/tcp."""
    *first, last = map(str, ports)
    return f"{', '.join(first)} {word} {last}" if first else last


def _where(local: LocalAddress) -> str:
    if local.held is not None and local.held.by == "address":
        return f"which is on {local.interface}"
    if local.held is not None:
        owner = f" ({local.held.origin})" if local.held.origin else ""  # all that is known about its owner
        return f"which a route{owner} through {local.interface} makes local"
    if is_loopback(local.address):
        return f"which is a loopback address on {local.interface}"
    return f"which a wider prefix on {local.interface} makes local"


def _change(local: LocalAddress) -> Change | None:
    """The change that removes the address from this host, if a single one does."""
    if is_loopback(local.address):
        return None  # every host has it, so the answer is wrong, not the address
    if local.held is not None:
        return Change(Action.REMOVE, local.held)
    # An IPv6 address makes only itself local: only a route makes others local.
    makers = [one for one in local.covering if one.by == "route" or is_v4(one.address)]
    if len(makers) != 1:
        return None
    # The address with that prefix may be served, so it stays.
    (maker,) = makers
    return Change(Action.NARROW if maker.by == "address" else Action.REMOVE, maker)
