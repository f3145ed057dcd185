"""Observing: from answers and the kernel's word to the views that judgement looks at.

Each question is asked of the kernel, about exactly the addresses and ports that matter. Nothing here
decides; what could not be observed is an Unknown in its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from lowatch.core.addresses import (
    V6_LENGTH,
    Address,
    Port,
    Prefix,
    destination,
    host_length,
    is_link_local,
    is_loopback,
    is_v4,
    local_size,
    network_of,
    prefixes_inside,
)
from lowatch.core.answers import Answer
from lowatch.core.arp import NOBODY, Arp
from lowatch.core.held import BlackHole, Delivery, Held, LocalPrefix, LocalRoute
from lowatch.core.known import Known, Unknown
from lowatch.core.listeners import Connect, Endpoint, Listener
from lowatch.core.policy import Domain
from lowatch.core.snapshot import Aside, DomainView, LocalAnswer, PortView
from lowatch.core.views import addresses_of

from .ports import Host

_DNS_PORT = 53

Place = str | Unknown | None
"""Where an address is delivered: a watched interface, nowhere that counts, or not known."""
Probes = Mapping[Endpoint, Connect | Unknown]


class Holders:
    """Who holds what, by address: made once for each state of the host's tables."""

    def __init__(self, held: Known[tuple[Held, ...]] | Unknown) -> None:
        self.held = held
        self._exact: dict[Address, Held] = {}
        self._wide: list[Held] = []
        for one in held.value if isinstance(held, Known) else ():
            if one.by == "address" or one.prefix.is_host:
                known = self._exact.setdefault(one.address, one)
                if known is not one and _precedence(one) < _precedence(known):
                    self._exact[one.address] = one
            if not one.prefix.is_host:
                self._wide.append(one)

    def exact(self, address: Address) -> Held | None:
        return self._exact.get(destination(address))

    def covering(self, address: Address) -> tuple[Held, ...]:
        target = destination(address)
        return tuple(one for one in self._wide if one.prefix.covers(target))


def _precedence(held: Held) -> tuple[str, str, int]:
    """Of several that hold an address always the same one, in whatever order they came: it names series."""
    return held.by, held.interface, -held.prefixlen


def place(host: Host, holders: Holders, address: Address, delivery: Delivery | Unknown) -> Place:
    """Where an address counts as held, given what routing said of it."""
    if is_link_local(address):
        return (
            None  # connect() to it without a scope is EINVAL, and a DNS answer has none: tcp_v6_connect()
        )
    if isinstance(delivery, Unknown):
        return delivery
    if not delivery.local:
        return None
    if isinstance(holders.held, Unknown):
        return holders.held  # local, but whether through a watched interface cannot be told
    holder = holders.exact(address)  # counts even where another interface holds it as well
    if holder is not None:
        return holder.interface
    return host.interface(delivery.ifindex) if host.watches(delivery.ifindex) else None


def expected_endpoints(
    domain: Domain, answer: Answer, places: Mapping[Address, Place], stub: frozenset[Address]
) -> list[Endpoint]:
    """The endpoints at which this host itself would be asked to serve the domain."""
    return [
        Endpoint(address, port)
        for address, ports in answer.expected(domain.ports)
        if isinstance(places.get(address), str)
        for port in ports
        if not is_own_stub(address, port, stub)
    ]


def is_own_stub(address: Address, port: Port, stub: frozenset[Address]) -> bool:
    """A nameserver's address at port 53 is the host's own resolver, whoever answers there."""
    return port.number == _DNS_PORT and address in stub


def build_view(
    domain: Domain,
    answer: Answer,
    places: Mapping[Address, Place],
    listeners: Mapping[Endpoint, Listener | Unknown | None],
    probes: Probes,
    holders: Holders,
    hostname: str = "",
    no_way_back: Set[Endpoint] = frozenset(),
    led_away: Set[Endpoint] = frozenset(),
) -> DomainView | None:
    """What is known of a domain, or None where it leads here in no view, and may not do so either.

    hostname: this host's own, for the names that are customary on it.
    """
    local: list[LocalAnswer] = []
    undecided: list[tuple[Address, str]] = []
    for address, expected in answer.expected(domain.ports):
        place = places.get(address)
        if isinstance(place, Unknown):
            undecided.append((address, f"{place.source}: {place.reason}"))
        if not isinstance(place, str):
            continue
        ports = tuple(
            [
                PortView(port, listeners[endpoint], probes.get(endpoint), endpoint not in no_way_back)
                for port in expected
                if (endpoint := Endpoint(address, port)) in listeners
            ]
        )
        holder = holders.exact(address)
        covering = () if holder is not None else holders.covering(address)
        if ports:
            away = (
                tuple(port for port in expected if Endpoint(address, port) in led_away) if led_away else ()
            )
            local.append(LocalAnswer(address, place, ports, holder, covering, away))
    aside = _aside(answer, places) if answer.others else ()
    if not local and not undecided and not aside:
        return None
    own_name = bool(answer.others) and is_own_name(domain.name, hostname)
    return DomainView(answer, tuple(local), tuple(undecided), aside, own_name)


def _aside(answer: Answer, places: Mapping[Address, Place]) -> tuple[Aside, ...]:
    """Of the addresses that applications do not get, those that are local, or may be."""
    given = frozenset(answer.given)
    found = ((one, places.get(one)) for one in addresses_of(answer) if one not in given)
    return tuple(Aside(address, place) for address, place in found if place is not None)


def is_own_name(domain: str, hostname: str) -> bool:
    """Whether a domain is this host's node name, which may be its first label alone."""
    own = hostname.lower()
    return own == (domain if "." in own else domain.partition(".")[0])


def ask_prefixes(host: Host, holders: Holders) -> Known[tuple[LocalPrefix, ...]] | Unknown:
    """The wide local routes that are in force, as the kernel confirms with an address inside each."""
    if isinstance(holders.held, Unknown):
        return holders.held
    causes = {
        (held.prefix, held.interface): held
        for held in reversed(holders.held.value)
        if held.by == "address"
        and held.prefixlen < host_length(held.address)
        and "noprefixroute" not in held.flags
    }
    found, sizes = list[LocalPrefix](), _Sizes(host)
    for route in host.wide_routes():
        prefix = route.prefix
        inside = _samples(prefix.address, prefix.length, without=holders)
        deliveries = host.deliveries(inside)
        matching = [d for d in deliveries if isinstance(d, Delivery) and d.length == prefix.length]
        if any(d.local and host.interface(d.ifindex) == route.interface for d in matching):
            cause = causes.get((prefix, route.interface))
            found.append(LocalPrefix(prefix, route.interface, route.table, cause, sizes.of(route)))
        elif not matching and any(isinstance(d, Unknown) for d in deliveries):
            return next(d for d in deliveries if isinstance(d, Unknown))
    return Known(tuple(found))


class _Sizes:
    """How many addresses of a local route are local: other routes of its table may lead some away."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._away: dict[tuple[int, bool], Sequence[Prefix] | Unknown] = {}
        self._local: Sequence[Prefix] | None = None

    def of(self, route: LocalRoute) -> int | None:
        """None where that could not be asked, or policy rules come first: they may lead any part away."""
        if self._host.courses_differ:
            return None
        prefix, key = route.prefix, (route.table, is_v4(route.prefix.address))
        if key not in self._away:
            away = self._host.led_away(key[0], v4=key[1])
            self._away[key] = away if isinstance(away, Unknown) else sorted(away.value)
        known = self._away[key]
        if isinstance(known, Unknown):
            return None
        led_away = prefixes_inside(prefix, known)
        if not led_away:
            return prefix.size
        if self._local is None:
            local = self._host.local_prefixes()
            if local is None:
                return None
            self._local = sorted(local)
        return local_size(prefix, prefixes_inside(prefix, self._local), led_away)


def ask_black_holes(host: Host, holders: Holders) -> Known[tuple[BlackHole, ...]] | Unknown:
    """IPv6 prefixes whose neighbours the kernel would route, unicast, into a device that has none."""
    if isinstance(holders.held, Unknown):
        return holders.held
    found: list[BlackHole] = []
    asked: set[tuple[str, Prefix]] = set()
    for held in holders.held.value:
        wide = held.by == "address" and len(held.address) == V6_LENGTH and held.prefixlen < 128
        if not wide or is_link_local(held.address) or (held.interface, held.prefix) in asked:
            continue
        asked.add((held.interface, held.prefix))
        inside = _samples(held.prefix.address, held.prefixlen, without=holders)
        for delivery in host.deliveries(inside):
            if isinstance(delivery, Unknown):
                return delivery
            same = delivery.length == held.prefixlen and (
                host.interface(delivery.ifindex) == held.interface
            )
            if same and not delivery.local and host.swallows(delivery.ifindex):
                found.append(BlackHole(held.prefix, held.interface, held))
                break
    return Known(tuple({hole.prefix: hole for hole in reversed(found)}.values()))


def ask_arp(host: Host, holders: Holders) -> Known[Arp] | Unknown:
    """How the NICs do ARP, where there is an IPv4 address that it could be about."""
    if isinstance(holders.held, Unknown):
        return holders.held
    if any(is_v4(one.address) and not is_loopback(one.address) for one in holders.held.value):
        return host.arp()
    return Known(NOBODY)


def _samples(network: Address, length: int, without: Holders) -> Sequence[Address]:
    """A few addresses inside a prefix that nobody holds for itself, spread over it.

    The first and the last are left out: in IPv4 they may be broadcast addresses.
    """
    spare = len(network) * 8 - length
    size = 1 << spare
    base = int.from_bytes(network_of(network, length), "big")
    offsets = {1, 2, 3, size // 3, size // 2, size // 2 + 1, size - 3, size - 2}
    inside = [o for o in sorted(offsets) if 0 < o < size - 1] or list(range(size))
    addresses = [Address((base + o).to_bytes(len(network), "big")) for o in inside]
    return [address for address in addresses if without.exact(address) is None]
