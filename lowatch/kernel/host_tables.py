"""The kernel's links, addresses and local routes as tables, filled by dumps and updated by events."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from lowatch.core.addresses import Address, Prefix, PrefixSet, host_length, is_v4, prefix_of
from lowatch.core.arp import Nic
from lowatch.core.held import Held, Link, LocalRoute, Twins
from lowatch.core.policy import Policy
from lowatch.core.surroundings import Route
from lowatch.wire.links import LinkMessage
from lowatch.wire.netlink import NLM_F_REPLACE, Span
from lowatch.wire.netlink_reader import decode_address, decode_link, decode_route
from lowatch.wire.nexthop import RTM_DELNEXTHOP, RTM_NEWNEXTHOP
from lowatch.wire.rtnetlink import (
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    RT_TABLE_LOCAL,
    RTM_DELADDR,
    RTM_DELLINK,
    RTM_DELROUTE,
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTM_NEWROUTE,
    RTN_LOCAL,
    RTPROT_KERNEL,
    AddressMessage,
    RouteMessage,
    RouteShape,
)

from .conversions import (
    as_route,
    held_address,
    held_route,
    link_of,
)
from .dumped_rows import addresses_in, links_in, local_routes_in
from .interface_addresses import InterfaceAddresses
from .local_routes import LocalRoutes
from .request_socket import Datagram

Touched = tuple[Prefix, ...] | None
"""The prefixes whose addresses must be looked up again after a message; None means all addresses."""
_UNCHANGED: Touched = ()


class HostTables:
    """The links, addresses and local routes of all interfaces.

    The policy selects by interface name when rows are listed, so addresses follow a link that is renamed.

    links: ifindex -> Link.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.links: dict[int, Link] = {}
        self._addresses = InterfaceAddresses()
        self._routes = LocalRoutes()
        self._nexthops: dict[int, int] = {}
        self._names_nexthops = False
        self._routes_suspect = False

    def apply(self, data: bytes, message: Span) -> Touched:
        """Apply the message of an event. Returns () if it changes nothing.

        Raises MalformedMessageError.
        """
        kind, flags, _, start, end = message
        if kind in (RTM_NEWADDR, RTM_DELADDR):
            return self._apply_address(kind, decode_address(data, start, end))
        if kind in (RTM_NEWROUTE, RTM_DELROUTE):
            replaced = kind == RTM_NEWROUTE and bool(flags & NLM_F_REPLACE)
            return self._apply_route(kind, decode_route(data, start, end), replaced=replaced)
        if kind in (RTM_NEWLINK, RTM_DELLINK):
            return self._apply_link(kind, decode_link(data, start, end))
        if kind in (RTM_NEWNEXTHOP, RTM_DELNEXTHOP):
            return self._all_suspect() if self._names_nexthops else _UNCHANGED
        return None  # a policy rule may route any address elsewhere

    def take_suspicion(self) -> bool:
        """Whether an event since the last call may not have said all: dump the routes."""
        suspect, self._routes_suspect = self._routes_suspect, False
        return suspect

    def _all_suspect(self) -> Touched:
        """Any address is touched, and routes may have gone without an event."""
        self._routes_suspect = True
        return None

    def _apply_address(self, kind: int, message: AddressMessage | None) -> Touched:
        """A deletion may take IPv4 routes along without an event.

        Those are all of the interface if it was the last address there, else those with it as their source.
        """
        if message is None:
            return _UNCHANGED
        local, peer, _, shape = message
        if kind == RTM_NEWADDR:
            if not self._addresses.put(message):
                return _UNCHANGED
        else:
            if not self._addresses.discard(message):
                return _UNCHANGED
            last = is_v4(local) and not self._addresses.has_ipv4(shape.ifindex)
            if last or self._routes.prefers(local):
                return self._all_suspect()
        prefix = prefix_of(peer or local, shape.prefixlen)
        return (prefix,) if prefix.covers(local) else (prefix, Prefix(local, host_length(local)))

    def _apply_route(self, kind: int, message: RouteMessage | None, *, replaced: bool) -> Touched:
        """An event does not say what a route replaced. It has the same prefix."""
        if message is None:
            return _UNCHANGED
        touched = (message.prefix,)
        self._routes_suspect |= replaced
        if message.shape.type != RTN_LOCAL:
            return touched  # in table local it may route a local address away
        if kind == RTM_DELROUTE:
            self._routes_suspect |= not self._routes.discard(message)
            return touched
        if not self._routes.add(message):
            return touched if replaced else _UNCHANGED
        if message.shape.nexthop:
            self._names_nexthops = True
            self._routes_suspect |= message.shape.nexthop not in self._nexthops
        return touched

    def _apply_link(self, kind: int, message: LinkMessage) -> Touched:
        if message.family != AF_UNSPEC:
            return _UNCHANGED  # AF_BRIDGE: a port joined or left a bridge; the link itself is the same
        known = self.links.get(message.ifindex)
        if kind == RTM_DELLINK:
            self.links.pop(message.ifindex, None)
            self._addresses.discard_link(message.ifindex)
            self._routes.discard_link(message.ifindex)
            return _UNCHANGED if known is None else self._all_suspect()
        link = self.links[message.ifindex] = link_of(message, known)
        return _UNCHANGED if known == link else self._all_suspect()

    def replace_watches(self, policy: Policy) -> None:
        self._policy = policy

    # Dumps.

    def refill(self, table: str, dumps: Iterable[Datagram], *, keep: bool = False) -> bool:
        """Replace the table "links", "addresses" or "routes" with a dump. Returns whether it changed.

        keep: keep rows that were not dumped, because an interrupted dump may have skipped them.

        Raises MalformedMessageError, and then the table is unchanged.
        """
        if table == "links":
            return self._refill_links(dumps, keep=keep)
        return (
            self._refill_addresses(dumps, keep=keep)
            if table == "addresses"
            else self._refill_routes(dumps, keep=keep)
        )

    def _refill_links(self, dumps: Iterable[Datagram], *, keep: bool) -> bool:
        links: dict[int, Link] = dict(self.links) if keep else {}
        for message in links_in(dumps):
            if message.family == AF_UNSPEC:
                links[message.ifindex] = link_of(message, None)
        before, self.links = self.links, links
        return before != links

    def _refill_addresses(self, dumps: Iterable[Datagram], *, keep: bool) -> bool:
        fresh = InterfaceAddresses(chain(self._addresses if keep else (), addresses_in(dumps)))
        if fresh == self._addresses:
            return False
        self._addresses = fresh
        return True

    def _refill_routes(self, dumps: Iterable[Datagram], *, keep: bool) -> bool:
        fresh = LocalRoutes(chain(self._routes if keep else (), local_routes_in(dumps)))
        if fresh == self._routes:
            return False
        self._routes = fresh
        self._names_nexthops |= bool(self.nexthop_ids())
        return True

    # Rows, as core's values.

    def watched_links(self) -> tuple[Link, ...]:
        return tuple(link for link in self.links.values() if self._policy.watches(link.name))

    def nics(self) -> tuple[Nic, ...]:
        """All links that do ARP themselves, watched or not."""
        nics = [link for link in self.links.values() if link.arp is not None]
        addresses: dict[int, list[AddressMessage]] = {link.ifindex: [] for link in nics}
        for message in self._addresses if nics else ():
            if message.shape.family == AF_INET and message.shape.ifindex in addresses:
                addresses[message.shape.ifindex].append(message)
        return tuple(
            Nic(
                link.name,
                link.arp,
                tuple(each.local for each in addresses[link.ifindex]),
                tuple(
                    prefix_of(each.peer or each.local, each.shape.prefixlen)
                    for each in addresses[link.ifindex]
                ),
                link.vrf,
            )
            for link in nics
            if link.arp is not None
        )

    def held(self) -> tuple[Held, ...]:
        """The addresses of the watched interfaces, then local routes that do not belong to an address."""
        names = {link.ifindex: link.name for link in self.watched_links()}
        hosts = self._addresses.by_link(names.keys())
        networks = self._addresses.ipv4_networks()
        routes: list[Held] = []
        for group in self._routes.groups():
            device = self._device(group.shape)
            if device not in names:
                continue
            if group.are_host_routes:
                lone = group.routes.keys() - hosts[device]
                chosen = [one for one in group.routes if one in lone] if lone else []
            else:
                length = group.shape.length
                chosen = [one for one in group.routes if (Prefix(one, length), device) not in networks]
            routes += (held_route(message, names[device]) for message in group.messages(chosen))
        return (*self._addresses.held(names), *routes)

    def every_address(self) -> frozenset[Address]:
        """The addresses of all interfaces, watched or not."""
        return self._addresses.every()

    def elsewhere(self) -> tuple[Held, ...]:
        """What held() omits: addresses and routes of other interfaces, and extra routes to a held address.

        Such an extra route keeps the address local after the address itself is deleted.
        """
        names = {
            link.ifindex: link.name for link in self.links.values() if not self._policy.watches(link.name)
        }
        watched = {link.ifindex: link.name for link in self.watched_links()}
        hosts = self._addresses.by_link(watched.keys())
        routes = [
            (message, device)
            for group in self._routes.groups()
            if group.are_host_routes and not _are_kernels(group.shape)
            for device in (self._device(group.shape),)
            for message in group.messages()
            if device not in watched or message.destination in hosts[device]
        ]
        return (
            *(
                held_address(message, names[message.shape.ifindex])
                for message in self._addresses
                if message.shape.ifindex in names
            ),
            *(
                held_route(message, names.get(device) or watched.get(device) or f"interface {device}")
                for message, device in routes
            ),
        )

    def twins(self) -> tuple[Twins, ...]:
        """The addresses that a watched interface and another one of the same VRF hold."""
        repeated = self._addresses.repeated()
        groups: dict[tuple[Address, int], list[tuple[bool, Held]]] = {}
        for message in self._addresses if repeated else ():
            link = self.links.get(message.shape.ifindex)
            if message.local in repeated and link is not None:
                is_watched = self._policy.watches(link.name)
                group = groups.setdefault((message.local, link.vrf), [])
                group.append((not is_watched, held_address(message, link.name)))
        sorted_groups = (sorted(group, key=_watched_first) for group in groups.values())
        return tuple(
            tuple(held for _, held in group)
            for group in sorted_groups
            if not group[0][0] and len({held.interface for _, held in group}) > 1
        )

    def global_ipv6(self, interface: str) -> list[Held]:
        """The IPv6 addresses of an interface whose scope is global."""
        indexes = {link.ifindex for link in self.links.values() if link.name == interface}
        return [
            held_address(message, interface)
            for message in self._addresses
            if message.shape.ifindex in indexes
            and message.shape.family == AF_INET6
            and not message.shape.scope
        ]

    def local_routes(self) -> tuple[Route, ...]:
        """All local routes except the host routes that the kernel adds for an address."""
        return tuple(
            as_route(message, self.name_of, self._device(group.shape))
            for group in self._routes.groups()
            if not (group.are_host_routes and _are_kernels(group.shape))
            for message in group.messages()
        )

    def name_of(self, ifindex: int) -> str:
        link = self.links.get(ifindex)
        return f"interface {ifindex}" if link is None else link.name

    def _device(self, shape: RouteShape) -> int:
        """The index of a route's interface; 0 if it is not known."""
        return shape.ifindex or self.nexthop_device(shape.nexthop)

    def nexthop_device(self, nexthop: int) -> int:
        """The index of a nexthop object's interface, by its id; 0 if it is not known."""
        return self._nexthops.get(nexthop, 0)

    def nexthop_ids(self) -> set[int]:
        """The ids of the nexthop objects that local routes use."""
        return {group.shape.nexthop for group in self._routes.groups() if group.shape.nexthop}

    def replace_nexthops(self, nexthops: dict[int, int]) -> bool:
        """nexthops: nexthop id -> ifindex, for each of nexthop_ids(). Returns whether they changed."""
        changed = nexthops != self._nexthops
        self._nexthops = nexthops
        return changed

    def wide_routes(self) -> list[LocalRoute]:
        """The local routes through watched interfaces that cover more than one address."""
        names = {link.ifindex: link.name for link in self.watched_links()}
        return [
            LocalRoute(message.prefix, names[device], group.shape.table)
            for group in self._routes.groups()
            if not group.are_host_routes and (device := self._device(group.shape)) in names
            for message in group.messages()
        ]

    def flow_routes_may_differ(self) -> bool:
        """Whether a local route is in another table than local, or a source has no host route there.

        The source of a local IPv4 client is usually the address that it connects to, and __ip_dev_find()
        looks that up in table local only. An IPv6 client may use any address of the host
        (ipv6_dev_get_saddr()), also one whose local route was deleted: then no reply comes back.
        """
        groups = self._routes.groups()
        if any(group.shape.table != RT_TABLE_LOCAL for group in groups):
            return True
        sources = self._routes.foreign_sources() | self._addresses.ipv6_sources()
        hosts = [group.routes for group in groups if group.are_host_routes]
        return not all(any(source in routes for routes in hosts) for source in sources)

    def local_prefixes(self) -> PrefixSet:
        """Every prefix with a local route, in any table and through any interface.

        Local delivery needs a local route, so an address outside these prefixes cannot be local.
        """
        return PrefixSet.grouped((group.shape.length, group.routes) for group in self._routes.groups())


def _watched_first(one: tuple[bool, Held]) -> tuple[bool, str, int]:
    is_unwatched, held = one
    return is_unwatched, held.interface, held.prefixlen


def _are_kernels(shape: RouteShape) -> bool:
    """Whether these look like the routes that the kernel adds for addresses."""
    return (shape.protocol, shape.table, shape.priority, shape.tos) == (RTPROT_KERNEL, RT_TABLE_LOCAL, 0, 0)
