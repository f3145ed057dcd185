"""What is held, where, and how it is routed: what the kernel removes together with something else.

Sources: docs/internals/fixes.md, pinned by tests/kernel_behaviour/test_taken_along.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from lowatch.core.addresses import Address, Prefix, host_length, is_v4, network_of
from lowatch.core.held import Held, Link
from lowatch.core.surroundings import Route, Surroundings

_TABLE_MAIN, _TABLE_LOCAL = 254, 255
_SCOPE_HOST = 254
_PLAIN = frozenset({"secondary", "nodad", "deprecated", "noprefixroute"})
"""Flags of an address that change nothing of what goes along with it."""
_UNUSABLE = frozenset({"deprecated", "tentative", "dadfailed"})


class Ground:
    """Tells in a few words what harm a change would do, or why it would not help; "" if neither."""

    def __init__(self, held: Iterable[Held], around: Surroundings) -> None:
        self._links: Mapping[str, Link] = {link.name: link for link in around.links}
        self._holders: dict[Address, list[Held]] = {}
        self._addresses_v4: Counter[str] = Counter()
        self._networks: Counter[tuple[str, Prefix]] = Counter()
        self._numbered: set[tuple[str, bool]] = set()
        for one in held:
            if one.by == "address":
                self._count(one)
            if one.by == "address" or one.prefix.is_host:
                self._holders.setdefault(one.address, []).append(one)
        self._wide: Counter[Prefix] = Counter()
        self._nowhere: dict[Prefix, list[Route]] = {}
        self._through: dict[str, list[Route]] = {}
        self._unnumbered: dict[bool, str] = {}
        self._leading: set[tuple[str, bool]] = set()
        for route in around.routes:
            self._take(route)
        self._lengths = {(len(one.address), one.length) for one in (*self._wide, *self._nowhere)}

    def _count(self, held: Held) -> None:
        v4 = is_v4(held.address)
        if v4:
            self._addresses_v4[held.interface] += 1
            if not held.prefix.is_host:
                self._networks[held.interface, held.prefix] += 1
        if held.scope == 0 and _UNUSABLE.isdisjoint(held.flags):
            self._numbered.add((held.interface, v4))

    def _take(self, route: Route) -> None:
        prefix, v4 = route.prefix, is_v4(route.prefix.address)
        for name in route.interfaces if v4 else ():
            self._through.setdefault(name, []).append(route)
        if route.kind == "local":
            if not prefix.is_host:
                self._wide[prefix] += 1
        elif route.kind != "unicast" or any(map(self._swallows, route.interfaces)):
            self._nowhere.setdefault(prefix, []).append(route)
        elif not _is_of_every_link(prefix) and not self._leads_to_itself(route):
            self._leading.update((name, v4) for name in route.interfaces)
            if route.source is None and v4 not in self._unnumbered:
                self._look_for_source(route, v4=v4)

    def _leads_to_itself(self, route: Route) -> bool:
        """Whether the kernel added the route for a single IPv6 address (addrconf_prefix_route())."""
        holders = self._holders.get(route.prefix.address, ()) if route.prefix.is_host else ()
        return any(route.interfaces == (held.interface,) for held in holders)

    def _look_for_source(self, route: Route, *, v4: bool) -> None:
        """Note an interface that sends packets but has no source address of its own for them."""
        bare = [name for name in route.interfaces if (name, v4) not in self._numbered]
        if bare or not route.interfaces:
            self._unnumbered[v4] = bare[0] if bare else "an interface"

    def _swallows(self, interface: str) -> bool:
        link = self._links.get(interface)
        return link is not None and link.swallows

    def _is_a_holder(self, held: Held) -> bool:
        """Whether the interface exists to hold addresses, as an isolated bridge may."""
        link = self._links.get(held.interface)
        if link is None or link.kind != "bridge":
            return link is not None and link.swallows
        alone = held.prefix.is_host or "noprefixroute" in held.flags
        return link.swallows or (alone and (held.interface, is_v4(held.address)) not in self._leading)

    def stays_local(self, address: Address, without: Held) -> bool:
        """Whether something else makes exactly this address local. A route in another table may not."""
        return any(
            not _same(one, without) and (one.by == "address" or one.table in (None, _TABLE_LOCAL))
            for one in self._holders.get(address, ())
        )

    def brings_prefix(self, held: Held) -> bool:
        """Whether it makes more than the address itself local: fib_add_ifaddr() in net/ipv4."""
        link = self._links.get(held.interface)
        return (
            is_v4(held.address)
            and held.by == "address"
            and not (held.prefix.is_host and held.peer is None)
            and {"noprefixroute", "secondary"}.isdisjoint(
                held.flags
            )  # a secondary's prefix is its primary's
            and (link is None or link.loopback)
        )

    def is_own(self, route: Route) -> bool:
        """Whether the kernel added it for an address, and will remove it together with that."""
        if not route.by_kernel or route.source is None:
            return False
        return any(_is_own(route, held) for held in self._holders.get(route.source, ()))

    def without_address(self, held: Held) -> str:
        if not self._is_a_holder(held):
            return f"it is an address of {held.interface}, through which this host may reach others"
        if held.peer is not None:
            return "the address has a peer"
        for flag in held.flags:
            if flag not in _PLAIN:
                return f"the address is {flag}"
        return (
            self._still_held(held)
            or self._covered(held)
            or self._goes_along(held)
            or self._last_address(held)
            or self._source_of_others(held)
        )

    def without_route(self, held: Held) -> str:
        return self._still_held(held) or self._covered(held)

    def narrowed(self, held: Held) -> str:
        """Why not to replace the address by one with a host prefix, which drops its other attributes."""
        if not self.brings_prefix(held):
            return f"{held.prefix} does not come with the address"
        lost = [*held.flags, *held.special]
        lost += [f"label {held.label}"] if held.label not in (None, held.interface) else []
        lost += ["scope"] if held.scope else []
        lost += [held.origin] if held.origin is not None else []
        lost += ["peer"] if held.peer is not None else []
        if lost:
            return f"re-adding the address would lose its {', '.join(lost)}"
        return (
            self._still_held(held)
            or self._covered(held)
            or self._goes_along(held)
            or self._source_of_others(held)
        )

    def unrouted(self, held: Held) -> str:
        """Why not to remove the route: somebody may be behind its device, or it would not help."""
        if not self._swallows(held.interface):
            return f"other hosts may be reachable through {held.interface}"
        found = 0
        for route in self._routes_over(held.prefix, self._nowhere):
            if route.prefix != held.prefix or route.interfaces != (held.interface,):
                through = f" through {route.interfaces[0]}" if route.interfaces else ""
                return f"the route {route.prefix}{through} covers it too"
            found += 1
            if route.kind != "unicast" or route.table != _TABLE_MAIN or route.source is not None:
                return f"the route {route.prefix} is not as the kernel adds it"
        return "" if found == 1 else f"the route {held.prefix} was not found"

    def added(self, held: Held) -> str:
        for one in self._holders.get(held.address, ()):
            return f"it is on {one.interface}"
        link = self._links.get(held.interface)
        if link is None:
            return f"there is no interface {held.interface}"
        if not is_v4(held.address) and not link.ipv6:
            return f"{held.interface} can have no IPv6 address (disable_ipv6)"
        return ""

    def arp_restricted(self) -> str:
        """Why not to restrict ARP: a NIC without an IPv4 address may be reached by other addresses."""
        device = self._unnumbered.get(True)
        if not device:
            return ""
        return (
            f"{device} has no address of its own: neighbours reach this host by those of other interfaces"
        )

    def _still_held(self, held: Held) -> str:
        """What keeps the address local anyway."""
        if held.by == "route" and not held.prefix.is_host:
            return ""
        holders = self._holders.get(held.address, ())
        others = [one for one in holders if not _same(one, held)]
        if not others and len(holders) > 1:
            others = holders[1:]
        if not others:
            return ""
        how = "an address" if others[0].by == "address" else "a local route"
        return f"{how} on {others[0].interface} keeps it local"

    def _covered(self, held: Held) -> str:
        """What keeps the address or prefix local anyway: another prefix that covers it."""
        own = 1 if held.by == "route" or self.brings_prefix(held) else 0
        inmost = Prefix(held.address, host_length(held.address)) if held.by == "address" else held.prefix
        for prefix in self._prefixes_over(inmost):
            if self._wide[prefix] > (own if prefix == held.prefix else 0):
                return f"the local route {prefix} covers it too"
        return ""

    def _prefixes_over(self, prefix: Prefix) -> Iterator[Prefix]:
        """The prefix, and wider ones that cover it, as far as they have a route."""
        for octets, length in self._lengths:
            if octets == len(prefix.address) and length <= prefix.length:
                yield Prefix(network_of(prefix.address, length), length)

    def _routes_over(self, prefix: Prefix, routes: Mapping[Prefix, list[Route]]) -> Iterator[Route]:
        return (route for one in self._prefixes_over(prefix) for route in routes.get(one, ()))

    def _goes_along(self, held: Held) -> str:
        """Secondary addresses are removed with their primary one, or promoted (__inet_del_ifa())."""
        alone = "secondary" in held.flags or self._networks[held.interface, held.prefix] < 2
        if alone:
            return ""
        return f"removing it may also remove the other addresses of {held.prefix} on {held.interface}"

    def _last_address(self, held: Held) -> str:
        """All IPv4 routes of an interface are removed with its last IPv4 address (fib_disable_ip())."""
        if not is_v4(held.address) or self._addresses_v4[held.interface] > 1:
            return ""
        for route in self._through.get(held.interface, ()):
            if not _is_own(route, held):
                last = f"the last address of {held.interface}"
                return f"removing {last} would also remove the route {route.prefix}"
        return ""

    def _source_of_others(self, held: Held) -> str:
        """Packets may use it as source because there is no other: inet_select_addr(), RFC 6724 5."""
        if held.scope >= _SCOPE_HOST or "deprecated" in held.flags:
            return ""
        device = self._unnumbered.get(is_v4(held.address))
        if not device:
            return ""
        return f"{device} has no address of its own: outgoing packets may use this one as their source"


def _same(one: Held, other: Held) -> bool:
    first, second = (
        (held.address, held.prefixlen, held.interface, held.by, held.peer, held.table or _TABLE_LOCAL)
        for held in (one, other)
    )
    return first == second


def _is_own(route: Route, held: Held) -> bool:
    """Whether the kernel added the route for exactly this address."""
    return (
        route.by_kernel
        and route.interfaces == (held.interface,)
        and route.source in (held.address, None)
        and route.prefix in (held.prefix, Prefix(held.address, host_length(held.address)))
    )


def _is_of_every_link(prefix: Prefix) -> bool:
    """Whether it is in fe80::/10 or ff00::/8, for which each interface has its own address."""
    return not is_v4(prefix.address) and prefix.address[0] >= 0xFE and prefix.length >= 8
