"""orphan-vip: a domain resolves to an address delivered locally, and nothing serves an expected port.

Sources: docs/internals/cases.md 1, 2, 4, 8-11; on Linux a locally delivered address leads into the host
whatever the rest of the network says (RTN_LOCAL, ip-route(8)).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from lowatch.core.addresses import Address, Port, format_address, is_loopback, is_v4
from lowatch.core.findings import Action, Change, Finding, FindingKind, Fix, Undecided
from lowatch.core.last_served import LastServed, latest
from lowatch.core.policy import Domain
from lowatch.core.printable import shell_word
from lowatch.core.snapshot import DomainObservation, LocalAddress
from lowatch.core.verdicts import JudgedEndpoint, Verdict, any_of

from .endpoints import subject_of, undecided_addresses, undecided_endpoint
from .resolution import Resolution, resolution_of

_STARTED = (".service", ".socket")
"""The units that systemctl can start again. A scope is made by whoever starts its processes."""


def orphan_vip(
    domain: Domain, observed: DomainObservation, endpoints: tuple[JudgedEndpoint, ...]
) -> Iterable[Finding | Undecided]:
    yield from undecided_addresses(FindingKind.ORPHAN_VIP, domain, observed)
    by_address = {local.address: local for local in observed.local}
    resolution = resolution_of(observed)
    dead: dict[Address, list[Port]] = {}
    for endpoint in endpoints:
        if endpoint.verdict is Verdict.ORPHAN:
            dead.setdefault(endpoint.address, []).append(endpoint.port)
    for endpoint in endpoints:
        if endpoint.verdict is Verdict.UNKNOWN:
            yield undecided_endpoint(FindingKind.ORPHAN_VIP, domain, endpoint, endpoint.reason)
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
    last = _last_served(local, siblings or (endpoint.port,))
    start = _start(local, missing, last)
    move = f"if it is served elsewhere, change what {domain.name} resolves to"
    return Finding(
        subject_of(FindingKind.ORPHAN_VIP, domain, endpoint),
        f"{resolution(endpoint)}, {_where(local)}, but nothing listens there on "
        f"{ports}: {_effect(endpoint)}{f'; {last}' if last else ''}",
        any_of=siblings,
        advice=_advice(local, start.summary),
        proposed=change,
        last_served=last,
        fixes=(start, Fix(Action.MOVE, move)),
        info=endpoint.guessed,
    )


def _effect(endpoint: JudgedEndpoint) -> str:
    if endpoint.guessed:
        return "the name was not configured, and nothing has shown yet which port it should serve"
    return "requests from this host fail"


def _last_served(local: LocalAddress, ports: Container[Port]) -> LastServed | None:
    return latest(one.last_served for one in local.ports if one.port in ports)


def _start(local: LocalAddress, ports: str, last: LastServed | None) -> Fix:
    """The unit that served it last is started; who serves it instead, only a person knows."""
    where = f"for {ports} on {format_address(local.address)}"
    unit = (last.unit if last is not None else None) or ""
    if not unit.endswith(_STARTED) or unit.startswith("user@"):
        return Fix(Action.START, f"start the service {where}")
    return Fix(Action.START, f"start {unit} {where}", (f"systemctl start {shell_word(unit)}",))


def _advice(local: LocalAddress, start: str) -> str:
    """Advice: clients use the name, so bring its service back first."""
    if is_loopback(local.address):
        return f"{start}, or correct what the domain resolves to: every host has this address"
    return start


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
    """The change that takes the address from this host. What else makes it local goes along, if it can."""
    if is_loopback(local.address):
        return None  # every host has it, so the answer is wrong, not the address
    if local.held is not None:
        return Change(Action.REMOVE, local.held)
    # An IPv6 address makes only itself local: only a route makes others local.
    makers = [one for one in local.covering if one.by == "route" or is_v4(one.address)]
    if not makers:
        return None
    # The address with that prefix may be served, so it stays. The others cover all of the longest prefix.
    maker = max(makers, key=lambda one: one.prefixlen)
    return Change(Action.NARROW if maker.by == "address" else Action.REMOVE, maker)
