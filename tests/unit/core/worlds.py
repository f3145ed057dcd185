"""Small worlds to judge: what an audit saw, in a line or two."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lowatch.core.addresses import Address, Port, is_v4, parse_address, parse_port, parse_prefix
from lowatch.core.answers import Answer, AnswerStatus, RRset
from lowatch.core.arp import NO_ARP
from lowatch.core.findings import Finding, Subject, Undecided
from lowatch.core.held import Held, LocalPrefix
from lowatch.core.known import Known, Unknown
from lowatch.core.listeners import Connect, Listener, Sockets
from lowatch.core.policy import Domain
from lowatch.core.snapshot import DomainObservation, LocalAddress, PortObservation, Snapshot

WWW = "www.example.com"
VIP, VIP6 = parse_address("192.0.2.10"), parse_address("2001:db8::10")

BLIND = Unknown("sock_diag", "Operation not permitted")
DEAF = Unknown("netlink", "the receive buffer overran")
NGINX = Listener(parse_address("0.0.0.0"), inode=7, uid=33, unit="nginx.service", queued=0, backlog=128)
FULL = NGINX._replace(queued=129)

Served = Listener | Unknown | None


def ports(text: str) -> tuple[Port, ...]:
    """`ports("80 443 53/udp")`."""
    return tuple(parse_port(word) for word in text.split())


def domain(name: str = WWW, port_list: str = "80 443", *, any_of: bool = True) -> Domain:
    return Domain(name, ports(port_list), any_of)


def rrset(*addresses: Address, status: AnswerStatus | None = None, **rest: Any) -> RRset:
    """RESOLVED where there are addresses, else NODATA, unless told otherwise."""
    found = AnswerStatus.RESOLVED if addresses else AnswerStatus.NODATA
    return RRset(status or found, tuple(sorted(addresses)), **rest)


def answer(*addresses: Address, name: str = WWW) -> Answer:
    a = rrset(*(one for one in addresses if is_v4(one)))
    return Answer(name, a, rrset(*(one for one in addresses if not is_v4(one))))


def held(address: str | Address, prefixlen: int | None = None, interface: str = "lo", **rest: Any) -> Held:
    octets = parse_address(address) if isinstance(address, str) else address
    return Held(octets, len(octets) * 8 if prefixlen is None else prefixlen, interface, **rest)


def route(prefix: str, interface: str = "lo", **rest: Any) -> Held:
    """A local route, as it is held."""
    network = parse_prefix(prefix)
    return Held(network.address, network.length, interface, "route", table=rest.pop("table", 255), **rest)


def seen(
    *serving: tuple[str, Served] | tuple[str, Served, Connect | Unknown],
) -> tuple[PortObservation, ...]:
    """`seen(("80/tcp", NGINX), ("443/tcp", None, Connect.REFUSED))`."""
    return tuple(PortObservation(parse_port(port), *rest) for port, *rest in serving)


def local(address: Address, *views: PortObservation, interface: str = "lo", **rest: Any) -> LocalAddress:
    """Held for itself, unless `held` or `covering` says otherwise."""
    if not rest:
        rest = {"held": held(address, interface=interface)}
    return LocalAddress(address, interface, views, **rest)


def view(
    *locals_: LocalAddress, of: Answer | None = None, undecided: Iterable[tuple[Address, str]] = ()
) -> DomainObservation:
    """What is known of a domain that resolves to just these addresses (and those undecided)."""
    unsure = tuple(undecided)
    addresses = [one.address for one in locals_] + [address for address, _ in unsure]
    return DomainObservation(of or answer(*addresses), locals_, unsure)


def snapshot(*holding: Held, **rest: Any) -> Snapshot:
    """A host on which everything is known and nothing else is, but for what is given."""
    known: dict[str, Any] = {
        "host": "web-17",
        "at": 1_000_000.0,
        "uptime": 86_400.0,
        "links": Known(()),
        "held": Known(holding),
        "prefixes": Known(()),
        "black_holes": Known(()),
        "arp": Known(NO_ARP),
        "sockets": Known(Sockets()),
    }
    return Snapshot(**{**known, **rest})


def wide(prefix: str, cause: Held | None = None, interface: str = "lo", table: int = 255) -> LocalPrefix:
    """All of it is local."""
    parsed = parse_prefix(prefix)
    return LocalPrefix(parsed, interface, table, cause, parsed.size)


def split(
    outcomes: Iterable[Finding | Undecided],
) -> tuple[list[Finding], list[Undecided]]:
    """What a rule says: its findings, and what it could not decide."""
    listed = list(outcomes)
    return (
        [one for one in listed if isinstance(one, Finding)],
        [one for one in listed if isinstance(one, Undecided)],
    )


def only_finding(outcomes: Iterable[Finding | Undecided]) -> Finding:
    findings, undecided = split(outcomes)
    assert not undecided
    (finding,) = findings
    return finding


def subjects(outcomes: Iterable[Finding | Undecided]) -> list[Subject]:
    findings, undecided = split(outcomes)
    assert not undecided
    return [finding.subject for finding in findings]
