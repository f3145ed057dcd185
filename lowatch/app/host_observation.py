"""Observes the host apart from domains: held addresses, wide routes, black holes, ARP."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence, Set

from lowatch.core.addresses import (
    V6_LENGTH,
    Address,
    Prefix,
    destination,
    is_link_local,
    is_loopback,
    is_v4,
    local_size,
    network_of,
    prefixes_inside,
)
from lowatch.core.arp import NO_ARP, Arp
from lowatch.core.held import BlackHole, Delivery, Held, Link, LocalPrefix, LocalRoute, Twins
from lowatch.core.known import Known, Unknown
from lowatch.core.listeners import Sockets
from lowatch.core.policy import Policy

from .ports import Host

_GLOB = frozenset("*?[")

_log = logging.getLogger(__name__)


class Holders:
    """The held addresses and prefixes. It is built once for each state of the host's tables.

    wide: those whose prefix has several addresses. addresses: of all.
    """

    def __init__(self, held: Known[tuple[Held, ...]] | Unknown) -> None:
        self.held = held
        every = held.value if isinstance(held, Known) else ()
        self.wide = [one for one in every if one.prefixlen < len(one.address) * 8]
        exact = [*every]
        if self.wide:
            exact = [one for one in every if one.by == "address" or one.prefixlen == len(one.address) * 8]
        self._exact = {one.address: one for one in exact}
        if len(self._exact) < len(exact):  # some are held twice
            self._exact = {one.address: one for one in sorted(exact, key=_precedence, reverse=True)}
        self.addresses = frozenset([one.address for one in every])

    def exact(self, address: Address) -> Held | None:
        return self._exact.get(destination(address))

    def covering(self, address: Address) -> tuple[Held, ...]:
        target = destination(address)
        return tuple(one for one in self.wide if one.prefix.covers(target))


def _precedence(held: Held) -> tuple[str, str, int]:
    """Sort key that picks the same holder of an address in any order: its name is a metric label."""
    return held.by, held.interface, -held.prefixlen


class HostObserver:
    """Keeps the observations until the host's tables change, or everything is observed again.

    generation: of the host's tables at the last observation.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._absent = AbsentInterfaces()
        self._sockets: Known[Sockets] | Unknown | None = None
        self._sockets_before = Sockets()
        self.generation = -1
        self.holders = Holders(Unknown("netlink", "not asked yet"))
        self.prefixes: Known[tuple[LocalPrefix, ...]] | Unknown = Known(())
        self.black_holes: Known[tuple[BlackHole, ...]] | Unknown = Known(())
        self.arp: Known[Arp] | Unknown = Known(NO_ARP)
        self.twins: Known[tuple[Twins, ...]] | Unknown = Known(())

    def observe(self, policy: Policy, *, everything: bool) -> bool:
        """Observe again if the tables have changed or `everything` is set. Returns whether it did."""
        self._host.refresh()
        if self._host.generation != self.generation:
            self.generation = self._host.generation
            self.holders = Holders(self._host.held())
            self.twins = self._host.twins()
        elif not everything:
            return False
        self.prefixes = ask_prefixes(self._host, self.holders)
        self.black_holes = ask_black_holes(self._host, self.holders)
        self.arp = ask_arp(self._host, self.holders)
        self._sockets = None
        self._absent.log_new(policy, self._host.links())
        return True

    def sockets_if_idle(
        self, referenced: Set[Address], sockets: Callable[[], Known[Sockets] | Unknown]
    ) -> Known[Sockets] | Unknown:
        """The bound sockets, listed only if a held address is not referenced. sockets(): the host's.

        A dump may miss a socket under churn, so those of the previous dump count too.
        """
        if all(map(is_loopback, self.holders.addresses - referenced)):
            return Known(Sockets())
        if self._sockets is None:
            self._sockets = sockets()
            if isinstance(self._sockets, Known):
                seen = self._sockets.value
                self._sockets = Known(seen.union(self._sockets_before))
                self._sockets_before = seen
        return self._sockets


def ask_prefixes(host: Host, holders: Holders) -> Known[tuple[LocalPrefix, ...]] | Unknown:
    """The wide local routes that are in force: the kernel confirms each with addresses inside it."""
    if isinstance(holders.held, Unknown):
        return holders.held
    causes = {
        (held.prefix, held.interface): held
        for held in reversed(holders.wide)
        if held.by == "address" and "noprefixroute" not in held.flags
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
    """Counts the local addresses of a local route: other routes in its table may lead some away."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._away: dict[tuple[int, bool], Sequence[Prefix] | Unknown] = {}
        self._local: Sequence[Prefix] | None = None

    def of(self, route: LocalRoute) -> int | None:
        """The count; None if it is unknown, or if policy rules that come first may lead any part away."""
        if self._host.flow_routes_may_differ:
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
    """IPv6 prefixes whose neighbours the kernel would route into a device without neighbours."""
    if isinstance(holders.held, Unknown):
        return holders.held
    found: list[BlackHole] = []
    asked: set[tuple[str, Prefix]] = set()
    for held in holders.wide:
        wide = held.by == "address" and len(held.address) == V6_LENGTH
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
    """The ARP settings of the NICs, read only if an IPv4 address is held that they could concern."""
    if isinstance(holders.held, Unknown):
        return holders.held
    if any(is_v4(one.address) and not is_loopback(one.address) for one in holders.held.value):
        return host.arp()
    return Known(NO_ARP)


def _samples(network: Address, length: int, without: Holders) -> Sequence[Address]:
    """A few addresses spread over a prefix that are not held individually.

    The first and the last are left out, because in IPv4 they may be broadcast addresses.
    """
    spare = len(network) * 8 - length
    size = 1 << spare
    base = int.from_bytes(network_of(network, length), "big")
    offsets = {1, 2, 3, size // 3, size // 2, size // 2 + 1, size - 3, size - 2}
    inside = [o for o in sorted(offsets) if 0 < o < size - 1] or list(range(size))
    addresses = [Address((base + o).to_bytes(len(network), "big")) for o in inside]
    return [address for address in addresses if without.exact(address) is None]


class AbsentInterfaces:
    """Logs watched interfaces that do not exist, each once while it is absent. Globs may match nothing."""

    def __init__(self) -> None:
        self._logged: frozenset[str] = frozenset()

    def log_new(self, policy: Policy, links: Known[tuple[Link, ...]] | Unknown) -> None:
        if isinstance(links, Unknown):
            return
        present = {link.name for link in links.value}
        absent = frozenset(name for name in policy.interfaces if not _GLOB & set(name)) - present
        for name in sorted(absent - self._logged):
            _log.warning("interface %s does not exist, continuing: it may appear later", name)
        self._logged = absent
