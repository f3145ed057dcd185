"""rtnetlink: what a dump shows, as requests that make the same in another network namespace.

A dumped message is almost the request that would add its object: `ip route save` and `restore` rely on it.
What the kernel does not take from a user is left out (flags of state, ages).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from struct import Struct
from typing import NamedTuple

from .fib_rules import RTM_GETRULE
from .netlink import NLM_F_DUMP, MalformedMessageError, attribute, request, unpack
from .nexthop import RTM_GETNEXTHOP, RTM_NEWNEXTHOP
from .rtnetlink import (
    AF_INET,
    AF_INET6,
    RTM_GETROUTE,
    RTM_NEWADDR,
    RTM_NEWROUTE,
    RTM_NEWRULE,
    RTN_LOCAL,
)

NLM_F_ACK, NLM_F_EXCL, NLM_F_CREATE, NLM_F_APPEND = 0x4, 0x200, 0x400, 0x800

_IFADDR = Struct("=BBBBI")
_ROUTE = Struct("=BBBBBBBBI")
_NHMSG = Struct("=BBBBI")
_NEXTHOP = Struct("=HBBi")
_ATTRIBUTE = Struct("=HH")
_U32 = Struct("=I")
_TYPE_MASK = 0x3FFF

_IFA_ADDRESS, _IFA_LOCAL, _IFA_CACHEINFO, _IFA_FLAGS = 1, 2, 6, 8
_CACHEINFO_SIZE = 16
_IFA_SETTABLE = 0x200 | 0x400  # noprefixroute, autojoin
_IFA_F_NODAD = 0x2
_IFA_COMPARED = _IFA_SETTABLE | 0x08 | 0x20  # dadfailed, deprecated; tentative is soon over
_IFA_F_SECONDARY = 0x01  # of an IPv6 address: temporary (RFC 8981), which no user can set

_RTA_DST, _RTA_PRIORITY, _RTA_TABLE = 1, 6, 15
_RTA_OIF, _RTA_GATEWAY, _RTA_MULTIPATH, _RTA_CACHEINFO = 4, 5, 9, 12
_RTA_VIA, _RTA_ENCAP_TYPE, _RTA_ENCAP, _RTA_EXPIRES, _RTA_NH_ID = 18, 21, 22, 23, 30
_OF_THE_NEXTHOP = frozenset({_RTA_OIF, _RTA_GATEWAY, _RTA_MULTIPATH, _RTA_VIA, _RTA_ENCAP, _RTA_ENCAP_TYPE})
_RTNH_SETTABLE = 0x2 | 0x4  # pervasive, onlink
_FRA_SUPPRESS_PREFIXLEN, _FRA_PAD = 14, 18
_FIB_RULE_INVERT = 0x2
_NHA_OIF, _NHA_GROUP = 5, 2
_NHA_SETTABLE = frozenset({1, 2, 3, 4, 5, 6, 7, 8})

Indexes = Mapping[int, int]
"""An interface's index here -> its index in the copy."""


class Row(NamedTuple):
    """An object of a dump. kind: the request that adds it (RTM_NEW...).

    key: equal for equal objects of two namespaces. body: of the request, and readable as one of a dump.
    """

    kind: int
    key: bytes
    body: bytes

    @property
    def family(self) -> int:
        return self.body[0]

    @property
    def place(self) -> tuple[int, int]:
        """The family and, of an address, the interface: between those, order means nothing."""
        return self.family, _IFADDR.unpack_from(self.body)[4] if self.kind == RTM_NEWADDR else 0

    @property
    def created(self) -> int:
        """Of an address: when it was added, in 1/100 s since boot."""
        cacheinfo = attributes(self.body, _IFADDR.size, len(self.body)).get(_IFA_CACHEINFO, b"")
        return _U32.unpack_from(cacheinfo, 8)[0] if len(cacheinfo) == _CACHEINFO_SIZE else 0

    @property
    def host(self) -> tuple[bytes, int]:
        """Of an address or a host route: the address and the interface."""
        if self.kind == RTM_NEWADDR:
            found = attributes(self.body, _IFADDR.size, len(self.body))
            return found.get(_IFA_LOCAL) or found.get(_IFA_ADDRESS, b""), self.place[1]
        found = attributes(self.body, _ROUTE.size, len(self.body))
        ifindex = found.get(_RTA_OIF, bytes(_U32.size))
        return found.get(_RTA_DST, b""), _U32.unpack(ifindex)[0]

    @property
    def rivals(self) -> tuple[bytes, ...]:
        """Of a route: equal for those of which the first counts (same table, prefix, TOS and priority)."""
        found = attributes(self.body, _ROUTE.size, len(self.body))
        chosen = (found.get(kind, b"") for kind in (_RTA_DST, _RTA_PRIORITY, _RTA_TABLE))
        return self.body[:2], self.body[3:5], *chosen

    @property
    def is_local_v6(self) -> bool:
        """Whether it is a local IPv6 route, which the kernel adds some time after its address."""
        return self.kind == RTM_NEWROUTE and self.family == AF_INET6 and self.body[7] == RTN_LOCAL

    def added(self, sequence: int, flags: int) -> bytes:
        """The request that adds it, which the kernel acknowledges."""
        return request(self.kind, NLM_F_ACK | NLM_F_CREATE | flags, sequence, self.body)

    def deleted(self, sequence: int) -> bytes:
        """The request that deletes it: RTM_DEL... is the number after RTM_NEW..."""
        return request(self.kind + 1, NLM_F_ACK, sequence, self.body)


def numbered(message: bytes, sequence: int) -> bytes:
    """The same request with another sequence number."""
    return message[:8] + _U32.pack(sequence) + message[12:]


Reader = Callable[[bytes, int, int, Indexes], Row]


def address_row(data: bytes, start: int, end: int, indexes: Indexes) -> Row:
    family, prefixlen, flags, scope, ifindex = unpack(_IFADDR, data, start, end)
    found = attributes(data, start + _IFADDR.size, end)
    flags = _U32.unpack(found[_IFA_FLAGS])[0] if len(found.get(_IFA_FLAGS, b"")) == 4 else flags
    compared = flags & (_IFA_COMPARED | (_IFA_F_SECONDARY if family == AF_INET else 0))
    header = _IFADDR.pack(family, prefixlen, 0, scope, indexes.get(ifindex, ifindex))
    found[_IFA_FLAGS] = _U32.pack(compared)
    key = header + _joined((k, v) for k, v in found.items() if k != _IFA_CACHEINFO)
    # Nobody else is there, so duplicate address detection would only take time.
    settable = flags & _IFA_SETTABLE | (0 if family == AF_INET else _IFA_F_NODAD)
    found[_IFA_FLAGS] = _U32.pack(settable)
    return Row(RTM_NEWADDR, key, header + _joined(found.items()))


def route_row(data: bytes, start: int, end: int, indexes: Indexes) -> Row:
    *fields, flags = unpack(_ROUTE, data, start, end)
    found = attributes(data, start + _ROUTE.size, end)
    left_out = {_RTA_CACHEINFO, _RTA_EXPIRES} | (_OF_THE_NEXTHOP if _RTA_NH_ID in found else set())
    found = {k: v for k, v in found.items() if k & _TYPE_MASK not in left_out}
    if _RTA_OIF in found:
        found[_RTA_OIF] = _mapped(found[_RTA_OIF], indexes)
    if _RTA_MULTIPATH in found:
        found[_RTA_MULTIPATH] = _multipath(found[_RTA_MULTIPATH], indexes)
    body = _ROUTE.pack(*fields, flags & _RTNH_SETTABLE) + _joined(found.items())
    return Row(RTM_NEWROUTE, body, body)


def rule_row(data: bytes, start: int, end: int, _: Indexes) -> Row:
    """A policy rule, which names interfaces by their names."""
    *fields, flags = unpack(_ROUTE, data, start, end)  # struct fib_rule_hdr has the same layout
    found = attributes(data, start + _ROUTE.size, end)
    found.pop(_FRA_PAD, None)
    if found.get(_FRA_SUPPRESS_PREFIXLEN) == b"\xff\xff\xff\xff":
        del found[_FRA_SUPPRESS_PREFIXLEN]
    body = _ROUTE.pack(*fields, flags & _FIB_RULE_INVERT) + _joined(found.items())
    return Row(RTM_NEWRULE, body, body)


def nexthop_row(data: bytes, start: int, end: int, indexes: Indexes) -> Row:
    family, _, protocol, _, flags = unpack(_NHMSG, data, start, end)
    found = attributes(data, start + _NHMSG.size, end)
    found = {k: v for k, v in found.items() if k & _TYPE_MASK in _NHA_SETTABLE}
    if _NHA_OIF in found:
        found[_NHA_OIF] = _mapped(found[_NHA_OIF], indexes)
    body = _NHMSG.pack(family, 0, protocol, 0, flags & _RTNH_SETTABLE) + _joined(found.items())
    return Row(RTM_NEWNEXTHOP, body, body)


def is_group(row: Row) -> bool:
    """Whether a nexthop object names other ones, which must be there before it."""
    return _NHA_GROUP in attributes(row.body, _NHMSG.size, len(row.body))


def dump_every_route(sequence: int, family: int) -> bytes:
    """A dump of one family's routes of every type, in all tables."""
    return request(RTM_GETROUTE, NLM_F_DUMP, sequence, _ROUTE.pack(family, *[0] * 8))


def dump_nexthops(sequence: int) -> bytes:
    return request(RTM_GETNEXTHOP, NLM_F_DUMP, sequence, _NHMSG.pack(0, 0, 0, 0, 0))


def dump_every_rule(sequence: int, family: int) -> bytes:
    return request(RTM_GETRULE, NLM_F_DUMP, sequence, _ROUTE.pack(family, *[0] * 8))


def attributes(data: bytes, start: int, end: int) -> dict[int, bytes]:
    """Attribute type, with its flags -> payload. Raises MalformedMessageError."""
    found: dict[int, bytes] = {}
    while start + _ATTRIBUTE.size <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, start)
        if length < _ATTRIBUTE.size or start + length > end:
            raise MalformedMessageError(f"an attribute of {length} octets, {end - start} left")
        found[kind] = bytes(data[start + _ATTRIBUTE.size : start + length])
        start += (length + 3) & ~3
    return found


def _joined(found: Iterable[tuple[int, bytes]]) -> bytes:
    return b"".join(attribute(kind, payload) for kind, payload in sorted(found))


def _mapped(payload: bytes, indexes: Indexes) -> bytes:
    if len(payload) != _U32.size:
        raise MalformedMessageError(f"an interface's index of {len(payload)} octets")
    (ifindex,) = _U32.unpack(payload)
    return _U32.pack(indexes.get(ifindex, ifindex))


def _multipath(payload: bytes, indexes: Indexes) -> bytes:
    """`struct rtnexthop`s, without their flags of state (dead, linkdown)."""
    pieces, offset = [], 0
    while len(payload) - offset >= _NEXTHOP.size:
        length, flags, hops, ifindex = _NEXTHOP.unpack_from(payload, offset)
        if length < _NEXTHOP.size:
            raise MalformedMessageError(f"a nexthop of {length} octets")
        header = _NEXTHOP.pack(length, flags & _RTNH_SETTABLE, hops, indexes.get(ifindex, ifindex))
        pieces.append(header + payload[offset + _NEXTHOP.size : offset + length] + bytes(-length % 4))
        offset += (length + 3) & ~3
    return b"".join(pieces)
