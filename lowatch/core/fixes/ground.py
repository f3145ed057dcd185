"""What is held, where, and how it is routed: what the kernel removes together with something else.

Sources: docs/internals/fixes.md, pinned by tests/kernel_behaviour/test_taken_along.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from lowatch.core.addresses import LOOPBACK_V4, Address, Prefix, host_length, is_v4, network_of
from lowatch.core.held import SCOPE_HOST, TABLE_MAIN, Held, Link
from lowatch.core.surroundings import Route, Surroundings

_PLAIN = frozenset({"secondary", "nodad", "deprecated", "noprefixroute"})
"""Flags of an address that change nothing of what goes along with it."""
_UNUSABLE = frozenset({"deprecated", "tentative", "dadfailed"})


class Ground:
    """Tells in a few words what harm a change would do, or why it would not help; "" if neither."""

    def __init__(self, held: Iterable[Held], around: Surroundings) -> None:
        self._links: Mapping[str, Link] = {link.name: link for link in around.links}
        self._holders: dict[Address, list[Held]] = {}
        self._addresses_v4: Counter[str] = Counter()
        self._networks: dict[tuple[str, Prefix], list[Held]] = {}
        self._numbered: set[tuple[str, bool]] = set()
        for one in held:
            if one.by == "address":
                self._count(one)
            if one.by == "address" or one.prefixlen == host_length(one.address):
                self._holders.setdefault(one.address, []).append(one)
        self._wide: dict[Prefix, list[Route]] = {}
        self._nowhere: dict[Prefix, list[Route]] = {}
        self._through: dict[str, list[Route]] = {}
        self._unnumbered: dict[bool, str] = {}
        self._leading: set[tuple[str, bool]] = set()
        for route in around.routes:
            self._take(route)
        lengths = {(len(one.address), one.length) for one in (*self._wide, *self._nowhere)}
        self._lengths = sorted(lengths, reverse=True)

    def _count(self, held: Held) -> None:
        v4 = is_v4(held.address)
        if v4:
            self._addresses_v4[held.interface] += 1
        if held.prefixlen < host_length(held.address):
            self._networks.setdefault((held.interface, held.prefix), []).append(held)
        if held.scope == 0 and not (held.flags and _UNUSABLE.intersection(held.flags)):
            self._numbered.add((held.interface, v4))

    def _take(self, route: Route) -> None:
        prefix, v4 = route.prefix, is_v4(route.prefix.address)
        for name in route.interfaces if v4 else ():
            self._through.setdefault(name, []).append(route)
        if route.kind == "local":
            if not prefix.is_host:
                self._wide.setdefault(prefix, []).append(route)
        elif route.kind != "unicast" or any(map(self.swallows, route.interfaces)):
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

    def swallows(self, interface: str) -> bool:
        link = self._links.get(interface)
        return link is not None and link.swallows

    def is_a_holder(self, held: Held) -> bool:
        """Whether the interface exists to hold addresses, as an isolated bridge may."""
        link = self._links.get(held.interface)
        if link is None or link.kind != "bridge":
            return link is not None and link.swallows
        alone = held.prefix.is_host or "noprefixroute" in held.flags
        return link.swallows or (alone and (held.interface, is_v4(held.address)) not in self._leading)

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

    def unlike_a_vip(self, held: Held) -> str:
        """Why not to remove an address, whatever else is done: its interface, its peer or its flags."""
        if not self.is_a_holder(held):
            return f"it is an address of {held.interface}, through which this host may reach others"
        if held.peer is not None:
            return "the address has a peer"
        for flag in held.flags:
            if flag not in _PLAIN:
                return f"the address is {flag}"
        return ""

    @property
    def has_wide_prefixes(self) -> bool:
        """Whether any prefix of several addresses is local, 127.0.0.0/8 excepted."""
        return any(prefix != LOOPBACK_V4 for prefix in self._wide)

    def holders_of(self, address: Address) -> Sequence[Held]:
        """What makes exactly this address local, as an address or as a route of any table."""
        return self._holders.get(address, ())

    def network_of(self, held: Held) -> Sequence[Held]:
        """The addresses of an interface with the same prefix, itself included; () for a host prefix."""
        return self._networks.get((held.interface, held.prefix), ())

    def wide_over(self, prefix: Prefix) -> Iterator[Route]:
        """The routes that make all of a prefix local, and more than one address."""
        return self._routes_over(prefix, self._wide)

    def nowhere_over(self, prefix: Prefix) -> Iterator[Route]:
        """The routes that lead a prefix nowhere: to interfaces without neighbours, or to a refusal."""
        return self._routes_over(prefix, self._nowhere)

    def comes_with(self, route: Route) -> Held | None:
        """The address for which the kernel added a route to its prefix; None if there is none."""
        members = (
            () if len(route.interfaces) != 1 else self._networks.get((*route.interfaces, route.prefix), ())
        )
        if not route.by_kernel:
            return None
        return next((one for one in members if route.source in (one.address, None)), None)

    def is_plain(self, route: Route) -> bool:
        """Whether a route to nowhere is as the kernel adds it for an IPv6 address."""
        return (
            route.kind == "unicast"
            and route.table == TABLE_MAIN
            and route.source is None
            and all(map(self.swallows, route.interfaces))
        )

    def lost_with_the_last(self, removed: Collection[Held], added: Collection[Held]) -> str:
        """The routes that go with an interface's last IPv4 address, unless they go anyway."""
        change = Counter(one.interface for one in added if is_v4(one.address))
        change.subtract(one.interface for one in removed if one.by == "address" and is_v4(one.address))
        for interface, difference in change.items():
            if self._addresses_v4[interface] + difference > 0:
                continue
            for route in self._through.get(interface, ()):
                if not any(_is_own(route, one) or _is_that(route, one) for one in removed):
                    last = f"the last address of {interface}"
                    return f"removing {last} would also remove the route {route.prefix}"
        return ""

    def added(self, held: Held) -> str:
        for one in self._holders.get(held.address, ()):
            return f"it is on {one.interface}"
        link = self._links.get(held.interface)
        if link is None:
            return f"there is no interface {held.interface}"
        if not is_v4(held.address) and not link.ipv6:
            return f"{held.interface} can have no IPv6 address (disable_ipv6)"
        return self.source_of_others(held)

    def arp_restricted(self) -> str:
        """Why not to restrict ARP: a NIC without an IPv4 address may be reached by other addresses."""
        device = self._unnumbered.get(True)
        if not device:
            return ""
        return (
            f"{device} has no address of its own: neighbours reach this host by those of other interfaces"
        )

    def _prefixes_over(self, prefix: Prefix) -> Iterator[Prefix]:
        """The prefix, and wider ones that cover it, as far as they have a route; the narrowest first."""
        for octets, length in self._lengths:
            if octets == len(prefix.address) and length <= prefix.length:
                yield Prefix(network_of(prefix.address, length), length)

    def _routes_over(self, prefix: Prefix, routes: Mapping[Prefix, list[Route]]) -> Iterator[Route]:
        return (route for one in self._prefixes_over(prefix) for route in routes.get(one, ()))

    def source_of_others(self, held: Held) -> str:
        """Packets may use it as source because there is no other: inet_select_addr(), RFC 6724 5."""
        v4 = is_v4(held.address)
        others = not v4 and any(not four for _, four in self._numbered)
        if held.scope >= SCOPE_HOST or ("deprecated" in held.flags and others):
            return ""  # a deprecated IPv6 address is avoided only if there is another one (rule 3)
        device = self._unnumbered.get(v4)
        if not device:
            return ""
        return f"{device} has no address of its own: outgoing packets may use this one as their source"


def lost_when_added_again(held: Held) -> str:
    """What an address would lose if it were replaced by one with a host prefix; "" if nothing."""
    lost = [flag for flag in (*held.flags, *held.special) if flag != "secondary"]
    lost += [f"label {held.label}"] if held.label not in (None, held.interface) else []
    lost += ["scope"] if held.scope else []
    lost += [held.origin] if held.origin is not None else []
    lost += ["peer"] if held.peer is not None else []
    return ", ".join(lost)


def _is_that(route: Route, held: Held) -> bool:
    """Whether what is held is that local route."""
    return held.by == "route" and route.kind == "local" and route.prefix == held.prefix


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
