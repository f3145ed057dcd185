"""rtnetlink: addresses and routes (linux/rtnetlink.h, if_addr.h)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from struct import Struct
from typing import NamedTuple, TypeVar

from lowatch.core.addresses import V4_LENGTH, V6_LENGTH, Address, Prefix
from lowatch.core.values import new

from .netlink import (
    HEADER,
    NLM_F_DUMP,
    NLM_F_REQUEST,
    MalformedMessageError,
    ShapeReader,
    attribute,
    request,
)
from .reply_reader import ReplyReader

Meaning = TypeVar("Meaning")

AF_UNSPEC, AF_INET, AF_INET6 = 0, 2, 10

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_NEWRULE, RTM_DELRULE = 32, 33

# Multicast groups (enum rtnetlink_groups): the `group` label of lowatch_netlink_events_total.
GROUP_LINK, GROUP_IPV4_IFADDR, GROUP_IPV4_ROUTE, GROUP_IPV4_RULE = 1, 5, 7, 8
GROUP_IPV6_IFADDR, GROUP_IPV6_ROUTE, GROUP_IPV6_RULE = 9, 11, 19
GROUPS = (
    GROUP_LINK,
    GROUP_IPV4_IFADDR,
    GROUP_IPV4_ROUTE,
    GROUP_IPV4_RULE,
    GROUP_IPV6_IFADDR,
    GROUP_IPV6_ROUTE,
    GROUP_IPV6_RULE,
)

RTN_UNICAST, RTN_LOCAL = 1, 2
RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT, RTN_THROW = 6, 7, 8, 9
RTPROT_KERNEL = 2
RTM_F_LOOKUP_TABLE, RTM_F_FIB_MATCH = 0x1000, 0x2000
RT_TABLE_MAIN, RT_TABLE_LOCAL = 254, 255
IFF_UP, IFF_LOOPBACK, IFF_NOARP = 0x1, 0x8, 0x80

_IFADDR = Struct("=BBBBI")
_ROUTE = Struct("=BBBBBBBBI")
_U32 = Struct("=I")
_CACHEINFO = Struct("=8xI4x")  # cstamp, of four numbers
_NEXTHOP = Struct("=HBBi")

_IFA_ADDRESS, _IFA_LOCAL, _IFA_LABEL, _IFA_CACHEINFO, _IFA_FLAGS, _IFA_PROTO = 1, 2, 3, 6, 8, 11
_IFA_BROADCAST, _IFA_RT_PRIORITY, _IFA_F_PERMANENT = 4, 9, 0x80
IFA_F_TENTATIVE = 0x40
_RTA_DST, _RTA_OIF, _RTA_PRIORITY, _RTA_PREFSRC, _RTA_MULTIPATH, _RTA_TABLE = 1, 4, 6, 7, 9, 15
_RTA_SRC, _RTA_IP_PROTO, _RTA_SPORT, _RTA_DPORT, _RTA_NH_ID = 2, 27, 28, 29, 30
_IP_PROTOCOLS = {"tcp": 6, "udp": 17}

_LENGTHS = {AF_INET: V4_LENGTH, AF_INET6: V6_LENGTH}
_FAMILIES = {V4_LENGTH: AF_INET, V6_LENGTH: AF_INET6}

# The names are those that `ip address` prints; the bits are in linux/if_addr.h.
_FLAG_NAMES = (
    (0x01, "secondary"),
    (0x02, "nodad"),
    (0x04, "optimistic"),
    (0x08, "dadfailed"),
    (0x10, "home"),
    (0x20, "deprecated"),
    (IFA_F_TENTATIVE, "tentative"),
    (0x100, "mngtmpaddr"),
    (0x200, "noprefixroute"),
    (0x400, "autojoin"),
    (0x800, "stable-privacy"),
)


class AddressShape(NamedTuple):
    """What the addresses of an interface have in common.

    scope, flags: numbers of linux/if_addr.h. protocol: IFA_PROTO, or None if unset.
    special: as in core.held.Held.
    """

    family: int
    ifindex: int
    prefixlen: int
    scope: int
    flags: int
    label: str | None
    protocol: int | None
    special: tuple[str, ...] = ()


class AddressMessage(NamedTuple):
    """An address of an interface.

    local: the host's own address. peer: the address of the far end if it differs, else None.
    created: seconds after boot (IFA_CACHEINFO's cstamp has hundredths).
    """

    local: Address
    peer: Address | None
    created: float | None
    shape: AddressShape


class RouteShape(NamedTuple):
    """A route without its addresses.

    ifindex: the (first) outgoing interface, or 0 if the route names none.
    nexthop: the id of its nexthop object, or 0. Such a route names no interface if
    net.ipv4.nexthop_compat_mode is 0 (ip-sysctl.rst).
    others: the other interfaces of a multipath route.
    """

    length: int
    table: int
    type: int
    ifindex: int
    protocol: int
    tos: int
    priority: int
    scope: int = 0
    nexthop: int = 0
    others: tuple[int, ...] = ()


class RouteMessage(NamedTuple):
    """A route. source: its preferred source address (RTA_PREFSRC), or None."""

    destination: Address
    shape: RouteShape
    source: Address | None = None

    @property
    def prefix(self) -> Prefix:
        return Prefix(self.destination, self.shape.length)


@lru_cache(maxsize=64)
def flag_names(flags: int) -> tuple[str, ...]:
    return tuple(name for bit, name in _FLAG_NAMES if flags & bit)


def parse_address(data: bytes, start: int, end: int) -> AddressMessage | None:
    """The address; None for a family other than IPv4 and IPv6. Raises MalformedMessageError."""
    shape, (address, local, cacheinfo) = _address_shapes.read(data, start, end)
    if shape.family not in _LENGTHS:
        return None
    local = local or address
    peer = address if address and address != local else None
    known_age = cacheinfo is not None and len(cacheinfo) == _CACHEINFO.size
    created = _CACHEINFO.unpack(cacheinfo)[0] / 100 if known_age else None
    return new(AddressMessage, (local, peer, created, shape))


def _describe_address(header: bytes, found: dict[int, bytes], sizes: dict[int, int]) -> AddressShape:
    family, prefixlen, flags, scope, ifindex = _IFADDR.unpack(header)
    if family in _LENGTHS:
        length, local, far = _LENGTHS[family], sizes.get(_IFA_LOCAL, 0), sizes.get(_IFA_ADDRESS, 0)
        if (local or far) != length or prefixlen > length * 8:
            raise MalformedMessageError("an address message without a complete address")
        if far not in (0, length):
            raise MalformedMessageError("an address message with a peer of another family")
    label, protocol = found.get(_IFA_LABEL), found.get(_IFA_PROTO)
    flags = _u32(found, _IFA_FLAGS, flags)
    special = (
        ("lifetime", not flags & _IFA_F_PERMANENT),
        ("broadcast address", _IFA_BROADCAST in found),
        ("metric", _u32(found, _IFA_RT_PRIORITY, 0) != 0),
    )
    return AddressShape(
        family,
        ifindex,
        prefixlen,
        scope,
        flags,
        text_of(label) if label else None,
        protocol[0] if protocol else None,
        tuple(name for name, is_set in special if is_set),
    )


_address_shapes = ShapeReader(_IFADDR.size, (_IFA_ADDRESS, _IFA_LOCAL, _IFA_CACHEINFO), _describe_address)


def parse_route(data: bytes, start: int, end: int) -> RouteMessage | None:
    """The route; None for a family other than IPv4 and IPv6. Raises MalformedMessageError."""
    (family, shape), (destination, source) = _route_shapes.read(data, start, end)
    if family not in _LENGTHS:
        return None
    if destination is None:  # a default route has no RTA_DST
        destination = bytes(_LENGTHS[family])
    return new(RouteMessage, (destination, shape, source))


def route_replies(read: Callable[[bytes, int, int], Meaning]) -> ReplyReader[Meaning]:
    """A reader of what the replies to RTM_GETROUTE mean, apart from their addresses."""
    return ReplyReader(RTM_NEWROUTE, _ROUTE.size, (), (_RTA_DST, _RTA_PREFSRC), read)


def _describe_route(
    header: bytes, found: dict[int, bytes], sizes: dict[int, int]
) -> tuple[int, RouteShape]:
    family, length, _, tos, table, protocol, scope, kind, _ = _ROUTE.unpack(header)
    if family in _LENGTHS:
        octets = _LENGTHS[family]
        if sizes.get(_RTA_DST, octets) != octets or length > octets * 8:
            raise MalformedMessageError("a route message without a complete destination")
        if sizes.get(_RTA_PREFSRC, octets) != octets:
            raise MalformedMessageError("a route message with a source of another family")
    first, *others = _nexthops(found) or [0]
    return family, RouteShape(
        length,
        _u32(found, _RTA_TABLE, table),
        kind,
        _u32(found, _RTA_OIF, first),
        protocol,
        tos,
        _u32(found, _RTA_PRIORITY, 0),
        scope,
        _u32(found, _RTA_NH_ID, 0),
        tuple(others),
    )


_route_shapes = ShapeReader(_ROUTE.size, (_RTA_DST, _RTA_PREFSRC), _describe_route)


def _u32(found: dict[int, bytes], kind: int, default: int) -> int:
    payload = found.get(kind)
    if payload is None or len(payload) != _U32.size:
        return default
    number: int = _U32.unpack(payload)[0]
    return number


def _nexthops(found: dict[int, bytes]) -> list[int]:
    """The interface indexes of a multipath route: `struct rtnexthop`s with attributes between them."""
    multipath = found.get(_RTA_MULTIPATH, b"")
    interfaces, offset = [], 0
    while len(multipath) - offset >= _NEXTHOP.size:
        length, _, _, ifindex = _NEXTHOP.unpack_from(multipath, offset)
        if length < _NEXTHOP.size:  # RTNH_OK()
            break
        interfaces.append(ifindex)
        offset += (length + 3) & ~3
    return interfaces


def text_of(raw: bytes) -> str:
    """The text of a NUL-terminated attribute."""
    return raw.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")


def dump_addresses(sequence: int) -> bytes:
    """A dump of the addresses of both families."""
    return request(RTM_GETADDR, NLM_F_DUMP, sequence, _IFADDR.pack(0, 0, 0, 0, 0))


def dump_local_routes(sequence: int, family: int) -> bytes:
    """A dump of one family's local routes in all tables."""
    return dump_routes(sequence, family, RTN_LOCAL)


def dump_routes(sequence: int, family: int, kind: int, table: int = 0) -> bytes:
    """A dump of the routes of one type and family. table: 0 for all tables.

    Without NETLINK_GET_STRICT_CHK the kernel ignores type and table, and sends all routes.
    """
    body = _ROUTE.pack(family, 0, 0, 0, 0 if table > 255 else table, 0, 0, kind, 0)
    if table > 255:
        body += attribute(_RTA_TABLE, _U32.pack(table))
    return request(RTM_GETROUTE, NLM_F_DUMP, sequence, body)


def get_route(sequence: int, address: Address) -> bytes:
    """A request for the FIB entry (prefix and device) that a local client's packet to it would match."""
    size, body = _GET_ROUTE[len(address)]
    return HEADER.pack(size, RTM_GETROUTE, NLM_F_REQUEST, sequence, 0) + body + address


def get_route_with_table(sequence: int, address: Address) -> bytes:
    """The same; the reply has the table of the entry, which IPv4 says only if asked to."""
    flags = RTM_F_FIB_MATCH | RTM_F_LOOKUP_TABLE
    body = _ROUTE.pack(_FAMILIES[len(address)], len(address) * 8, 0, 0, 0, 0, 0, 0, flags)
    return request(RTM_GETROUTE, 0, sequence, body + attribute(_RTA_DST, address))


def get_source(sequence: int, address: Address) -> bytes:
    """A request for what routing does with packets to an address; the reply contains their source."""
    body = _ROUTE.pack(_FAMILIES[len(address)], len(address) * 8, 0, 0, 0, 0, 0, 0, 0)
    return request(RTM_GETROUTE, 0, sequence, body + attribute(_RTA_DST, address))


class Flow(NamedTuple):
    """Packets as policy rules see them.

    source: None if routing is to choose it. protocol: "tcp" or "udp". ports: None if unknown.
    """

    destination: Address
    source: Address | None
    protocol: str
    source_port: int | None
    destination_port: int | None


def get_flow(sequence: int, flow: Flow, *, fib_match: bool = False) -> bytes:
    """A request for what routing does with a flow; the reply contains the source address that it chooses.

    fib_match: ask for the matching FIB entry instead.
    """
    bits = len(flow.destination) * 8
    source_bits, flags = bits if flow.source else 0, RTM_F_FIB_MATCH if fib_match else 0
    body = _ROUTE.pack(_FAMILIES[len(flow.destination)], bits, source_bits, 0, 0, 0, 0, 0, flags)
    body += attribute(_RTA_DST, flow.destination)
    if flow.source is not None:
        body += attribute(_RTA_SRC, flow.source)
    body += attribute(_RTA_IP_PROTO, bytes([_IP_PROTOCOLS[flow.protocol]]))
    for kind, port in ((_RTA_SPORT, flow.source_port), (_RTA_DPORT, flow.destination_port)):
        if port is not None:
            body += attribute(kind, port.to_bytes(2, "big"))
    return request(RTM_GETROUTE, 0, sequence, body)


def _get_route_body(length: int) -> tuple[int, bytes]:
    """The size of a complete request for an address of that length, and its body without the address."""
    message = _ROUTE.pack(_FAMILIES[length], length * 8, 0, 0, 0, 0, 0, 0, RTM_F_FIB_MATCH)
    body = message + attribute(_RTA_DST, bytes(length))[:-length]
    return HEADER.size + len(body) + length, body


_GET_ROUTE = {length: _get_route_body(length) for length in _FAMILIES}
