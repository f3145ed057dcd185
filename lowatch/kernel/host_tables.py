"""The kernel's links, addresses and local routes as tables, filled by dumps and updated by events."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lowatch.core.addresses import V4_LENGTH, Address, Prefix, PrefixSet, prefix_of
from lowatch.core.arp import ArpSettings, Nic
from lowatch.core.held import Held, Link, LocalRoute
from lowatch.core.policy import Policy
from lowatch.core.surroundings import Route
from lowatch.wire.links import (
    LinkMessage,
    parse_link,
)
from lowatch.wire.netlink import Span
from lowatch.wire.nexthop import RTM_DELNEXTHOP, RTM_NEWNEXTHOP
from lowatch.wire.rtnetlink import (
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    IFA_F_TENTATIVE,
    IFF_LOOPBACK,
    IFF_NOARP,
    IFF_UP,
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
    parse_address,
    parse_route,
)

from .conversions import (
    as_route,
    held_address,
    held_route,
)
from .request_socket import Datagram

_MASTERS_WITHOUT_FRAMES = frozenset({"", "vrf"})
"""Kinds of master whose slaves keep the frames that they receive; "" means that there is no master."""

_AddressKey = tuple[int, Address, int, Address | None]
"""ifindex, address, and for IPv4 prefixlen and peer: an interface can hold an IPv6 address only once."""

Touched = Prefix | None
"""The prefix whose addresses must be looked up again after a message; None means all addresses."""


class Unchanged:
    """The type of UNCHANGED: a message changed nothing."""


UNCHANGED = Unchanged()


class HostTables:
    """The links, addresses and local routes of all interfaces.

    The policy selects by interface name when rows are listed, so addresses follow a link that is renamed.

    links: ifindex -> Link. lacks_nexthop: whether a route has arrived whose nexthop object is not known.
    Routes are keyed by everything in their message, because fib_find_alias() and fib_find_info() (net/ipv4)
    distinguish routes to the same prefix by table, tos, type, protocol, scope, priority, preferred source
    and nexthop.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.links: dict[int, Link] = {}
        self._addresses: dict[_AddressKey, AddressMessage] = {}
        self._routes: dict[RouteMessage, RouteMessage] = {}
        self._nexthops: dict[int, int] = {}
        self._names_nexthops = False
        self.lacks_nexthop = False

    def apply(self, data: bytes, message: Span) -> Touched | Unchanged:
        """Apply one message of a dump or an event. Raises MalformedMessageError."""
        kind, _, _, start, end = message
        if kind in (RTM_NEWADDR, RTM_DELADDR):
            return self._apply_address(kind, parse_address(data, start, end))
        if kind in (RTM_NEWROUTE, RTM_DELROUTE):
            return self._apply_route(kind, parse_route(data, start, end))
        if kind in (RTM_NEWLINK, RTM_DELLINK):
            return self._apply_link(kind, data, start, end)
        if kind in (RTM_NEWNEXTHOP, RTM_DELNEXTHOP):
            return None if self._names_nexthops else UNCHANGED
        return None  # a policy rule may route any address elsewhere

    def _apply_address(self, kind: int, message: AddressMessage | None) -> Touched | Unchanged:
        if message is None:
            return UNCHANGED
        shape = message.shape
        key: _AddressKey = (shape.ifindex, message.local, 0, None)
        if len(message.local) == V4_LENGTH:
            key = (shape.ifindex, message.local, shape.prefixlen, message.peer)
        if kind == RTM_DELADDR:
            return None if self._addresses.pop(key, None) else UNCHANGED
        known = self._addresses.get(key)
        self._addresses[key] = message
        if known == message:
            return UNCHANGED
        return prefix_of(message.peer or message.local, shape.prefixlen)

    def _apply_route(self, kind: int, message: RouteMessage | None) -> Touched | Unchanged:
        if message is None:
            return UNCHANGED
        prefix = message.prefix
        if message.shape.type != RTN_LOCAL:
            return prefix  # in table local it may route a local address away
        if kind == RTM_DELROUTE:
            self._routes.pop(message, None)
            return prefix
        if message in self._routes:
            return UNCHANGED
        self._routes[message] = message
        if message.shape.nexthop:
            self._names_nexthops = True
            self.lacks_nexthop |= message.shape.nexthop not in self._nexthops
        return prefix

    def _apply_link(self, kind: int, data: bytes, start: int, end: int) -> Touched | Unchanged:
        message = parse_link(data, start, end)
        if message.family != AF_UNSPEC:
            return UNCHANGED  # AF_BRIDGE: a port joined or left a bridge; the link itself is the same
        known = self.links.get(message.ifindex)
        if kind == RTM_DELLINK:
            self._forget_link(message.ifindex)
            return None if known else UNCHANGED
        link = Link(
            message.ifindex,
            message.name,
            bool(message.flags & IFF_UP),
            bool(message.flags & IFF_LOOPBACK),
            _arp_settings(message, known),
            message.kind,
            bool(message.flags & IFF_NOARP),
            _vrf(message, known),
            _has_ipv6(message, known),
        )
        self.links[message.ifindex] = link
        return UNCHANGED if known == link else None

    def _forget_link(self, ifindex: int) -> None:
        self.links.pop(ifindex, None)
        for rows in (self._rows("addresses"), self._rows("routes")):
            for key in [k for k, message in rows.items() if message.shape.ifindex == ifindex]:
                del rows[key]

    def replace_watches(self, policy: Policy) -> None:
        self._policy = policy

    def refill(self, table: str, dumps: Iterable[Datagram], *, keep: bool = False) -> bool:
        """Replace the table "links", "addresses" or "routes" with a dump. Returns whether it changed.

        keep: keep rows that were not dumped, because an interrupted dump may have skipped them.

        Raises MalformedMessageError, and then the table is unchanged.
        """
        fresh = HostTables(self._policy)
        for data, spans, _ in dumps:
            for span in spans:
                fresh.apply(data, span)
        before, after = self._rows(table), fresh._rows(table)
        if keep:
            after = before | after
        if before == after:
            return False
        before.clear()
        before.update(after)
        self._names_nexthops |= fresh._names_nexthops
        return True

    def _rows(self, table: str) -> dict[Any, Any]:
        tables: dict[str, dict[Any, Any]] = {
            "links": self.links,
            "addresses": self._addresses,
            "routes": self._routes,
        }
        return tables[table]

    def watched_links(self) -> tuple[Link, ...]:
        return tuple(link for link in self.links.values() if self._policy.watches(link.name))

    def nics(self) -> tuple[Nic, ...]:
        """All links that do ARP themselves, watched or not."""
        nics = [link for link in self.links.values() if link.arp is not None]
        addresses: dict[int, list[AddressMessage]] = {link.ifindex: [] for link in nics}
        for message in self._addresses.values() if nics else ():
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
        addresses = [message for message in self._addresses.values() if message.shape.ifindex in names]
        hosts = {(message.local, message.shape.ifindex) for message in addresses}
        networks = {
            (prefix_of(message.peer or message.local, message.shape.prefixlen), message.shape.ifindex)
            for message in addresses
            if message.shape.family == AF_INET and message.shape.prefixlen < V4_LENGTH * 8
        }
        routes = [
            message
            for message in self._routes
            if (ifindex := self._device(message)) in names
            and not (message.prefix.is_host and (message.destination, ifindex) in hosts)
            and (message.prefix, ifindex) not in networks
        ]
        return (
            *(held_address(message, names[message.shape.ifindex]) for message in addresses),
            *(held_route(message, names[self._device(message)]) for message in routes),
        )

    def elsewhere(self) -> tuple[Held, ...]:
        """What held() omits: addresses and routes of other interfaces, and extra routes to a held address.

        Such an extra route keeps the address local after the address itself is deleted.
        """
        names = {
            link.ifindex: link.name for link in self.links.values() if not self._policy.watches(link.name)
        }
        watched = {link.ifindex: link.name for link in self.watched_links()}
        addresses = [message for message in self._addresses.values() if message.shape.ifindex in names]
        hosts = {(m.local, m.shape.ifindex) for m in self._addresses.values() if m.shape.ifindex in watched}
        routes = [
            message for message in self._routes if message.prefix.is_host and not _is_kernels(message)
        ]
        return (
            *(held_address(message, names[message.shape.ifindex]) for message in addresses),
            *(
                held_route(message, names.get(device) or watched.get(device) or f"interface {device}")
                for message in routes
                if (device := self._device(message)) not in watched
                or (message.destination, device) in hosts
            ),
        )

    def local_routes(self) -> tuple[Route, ...]:
        """All local routes except the host routes that the kernel adds for an address."""
        return tuple(
            as_route(message, self.name_of, self._device(message))
            for message in self._routes
            if not (message.prefix.is_host and _is_kernels(message))
        )

    def name_of(self, ifindex: int) -> str:
        link = self.links.get(ifindex)
        return f"interface {ifindex}" if link is None else link.name

    def _device(self, route: RouteMessage) -> int:
        """The index of a route's interface; 0 if it is not known."""
        return route.shape.ifindex or self.nexthop_device(route.shape.nexthop)

    def nexthop_device(self, nexthop: int) -> int:
        """The index of a nexthop object's interface, by its id; 0 if it is not known."""
        return self._nexthops.get(nexthop, 0)

    def nexthop_ids(self) -> set[int]:
        """The ids of the nexthop objects that local routes use."""
        return {message.shape.nexthop for message in self._routes if message.shape.nexthop}

    def replace_nexthops(self, nexthops: dict[int, int]) -> bool:
        """nexthops: nexthop id -> ifindex, for each of nexthop_ids(). Returns whether they changed."""
        self.lacks_nexthop = False
        changed = nexthops != self._nexthops
        self._nexthops = nexthops
        return changed

    def wide_routes(self) -> list[LocalRoute]:
        """The local routes through watched interfaces that cover more than one address."""
        names = {link.ifindex: link.name for link in self.watched_links()}
        return [
            LocalRoute(message.prefix, names[self._device(message)], message.shape.table)
            for message in self._routes
            if self._device(message) in names and not message.prefix.is_host
        ]

    def flow_routes_may_differ(self) -> bool:
        """Whether a local route is in another table than local, or a source has no host route there.

        The source of a local IPv4 client is usually the address that it connects to, and __ip_dev_find()
        looks that up in table local only. An IPv6 client may use any address of the host
        (ipv6_dev_get_saddr()), also one whose local route was deleted: then no reply comes back.
        """
        if any(message.shape.table != RT_TABLE_LOCAL for message in self._routes):
            return True
        sources = {source for prefix, _, source in self._routes if source is not None and source != prefix}
        sources.update(self._ipv6_sources())
        # Not by RouteMessage.prefix: ten thousand of those take longer than all the rest.
        hosts = (address for address, shape, _ in self._routes if shape.length == len(address) * 8)
        return not sources.issubset(hosts)

    def _ipv6_sources(self) -> Iterable[Address]:
        """The IPv6 addresses that duplicate address detection has let through."""
        for local, _, _, shape in self._addresses.values():
            if shape.family == AF_INET6 and not shape.flags & IFA_F_TENTATIVE:
                yield local

    def local_prefixes(self) -> PrefixSet:
        """Every prefix with a local route, in any table and through any interface.

        Local delivery needs a local route, so an address outside these prefixes cannot be local.
        """
        return PrefixSet((message.destination, message.shape.length) for message in self._routes)


def _is_kernels(route: RouteMessage) -> bool:
    """Whether it looks like a route that the kernel adds for an address."""
    shape = route.shape
    return (shape.protocol, shape.table, shape.priority, shape.tos) == (RTPROT_KERNEL, RT_TABLE_LOCAL, 0, 0)


def _vrf(message: LinkMessage, known: Link | None) -> int:
    """The ifindex of the VRF that the link is, or is a slave of; 0 for none."""
    if message.partial:
        return known.vrf if known is not None else 0
    if message.kind == "vrf":
        return message.ifindex
    return message.master if message.slave_kind == "vrf" else 0


def _has_ipv6(message: LinkMessage, known: Link | None) -> bool:
    """Whether the link can have IPv6 addresses, as far as is known."""
    if message.partial:
        return known is None or known.ipv6
    return message.ipv6


def _arp_settings(message: LinkMessage, known: Link | None) -> ArpSettings | None:
    """The link's ARP settings; None for a link that does no ARP itself.

    A port of a bridge, bond, team or switch hands its frames to the master (rx_handler); a slave of a VRF
    keeps them.
    """
    if not message.flags & IFF_UP or message.flags & (IFF_LOOPBACK | IFF_NOARP):
        return None
    if message.partial:
        return known.arp if known is not None else None
    return message.arp if message.slave_kind in _MASTERS_WITHOUT_FRAMES else None
