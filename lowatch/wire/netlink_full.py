"""Decodes netlink messages with pyroute2: those that the lean decoders cannot read.

pyroute2 takes 13 MiB of memory, and about 30 us per message. It drops what follows an attribute of an
impossible length, and reads numbers and addresses beyond their ends. So a message is read here only if each
of its octets belongs to an attribute, and each attribute that is used has the size that the kernel gives.

Works with pyroute2 0.7.2 (Debian 12) and newer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from struct import Struct
from typing import Any

from pyroute2.netlink.diag import inet_diag_msg
from pyroute2.netlink.rtnl.fibmsg import fibmsg
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from lowatch.core import addresses
from lowatch.core.addresses import V4_LENGTH, V6_LENGTH, Address
from lowatch.core.arp import ArpSettings

from .inet_diag import SocketMessage
from .links import LinkMessage
from .netlink import HEADER, MalformedMessageError
from .rtnetlink import (
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    RT_TABLE_LOCAL,
    AddressMessage,
    AddressShape,
    RouteMessage,
    RouteShape,
)

Layout = Mapping[int, "Layout | range"]
"""What is expected of some types of attribute: how many octets, or which attributes are in them."""

KNOWS_NEXTHOPS = "RTA_NH_ID" in str(rtmsg.nla_map)  # 0.9 does not
KNOWS_PROTOCOL = "IFA_PROTO" in str(ifaddrmsg.nla_map)  # 0.7.2 does not
KNOWS_CGROUP = "INET_DIAG_CGROUP_ID" in str(inet_diag_msg.nla_map)  # 0.7.2 does not
_RTA_NH_ID = 30

_LENGTHS = {AF_INET: V4_LENGTH, AF_INET6: V6_LENGTH}
_ATTRIBUTE = Struct("=HH")
_KIND = 0x3FFF  # the other bits of an attribute's type are flags
_PERMANENT = 0x80  # IFA_F_PERMANENT
_FIXED = {ifinfmsg: 16, ifaddrmsg: 8, rtmsg: 12, fibmsg: 12, inet_diag_msg: 72}
"""Octets before the attributes."""


def _exactly(size: int) -> range:
    return range(size, size + 1)


_NUMBER = _exactly(4)
_ANY = 1 << 16  # longer than any attribute
# linux/if_link.h: IFLA_MASTER, IFLA_LINKINFO, and IFLA_AF_SPEC with the settings that links.py reads.
_SETTINGS = {AF_INET: {1: range(76, _ANY)}, AF_INET6: {2: range(108, _ANY)}}
_LINK: Layout = {10: _NUMBER, 18: {}, 26: _SETTINGS}
# linux/if_addr.h: IFA_BROADCAST, IFA_CACHEINFO, IFA_FLAGS, IFA_RT_PRIORITY, IFA_PROTO.
_ADDRESS: dict[int, Any] = {4: _NUMBER, 6: _exactly(16), 8: _NUMBER, 9: _NUMBER, 11: _exactly(1)}
_IFA_ADDRESSES = (1, 2)
# linux/rtnetlink.h: RTA_OIF, RTA_PRIORITY, RTA_MULTIPATH, RTA_TABLE.
_ROUTE: dict[int, Any] = {4: _NUMBER, 6: _NUMBER, 9: range(8, _ANY), 15: _NUMBER, _RTA_NH_ID: _NUMBER}
_RTA_ADDRESSES = (1, 7)
# linux/fib_rules.h: FRA_PRIORITY, FRA_SUPPRESS_PREFIXLEN, FRA_TABLE, FRA_PROTOCOL.
_RULE: Layout = {6: _NUMBER, 14: _NUMBER, 15: _NUMBER, 21: _exactly(1)}
_SELECTS_NOTHING = frozenset({"FRA_PRIORITY", "FRA_SUPPRESS_PREFIXLEN", "FRA_TABLE", "FRA_PROTOCOL"})
_SUPPRESSES_NOTHING, _FR_ACT_TO_TBL, _FIB_RULE_INVERT = 0xFFFFFFFF, 1, 2
# linux/inet_diag.h: INET_DIAG_SKV6ONLY, INET_DIAG_CGROUP_ID.
_SOCKET: Layout = {11: _exactly(1), 21: _exactly(8)}


class Decoded:
    """A message: its header's fields by key, its attributes by `last`."""

    def __init__(self, kind: type, data: bytes) -> None:
        self._message = kind(data)
        self._message.decode()

    def __getitem__(self, field: str) -> Any:
        return self._message[field]

    @property
    def attributes(self) -> frozenset[str]:
        """The names of the attributes that it has."""
        return frozenset(slot[0] for slot in self._message["attrs"])

    def last(self, name: str, default: Any = None) -> Any:
        """The last one of a repeated attribute, as the kernel and we read it (get_attr: the first)."""
        found = [slot[1] for slot in self._message["attrs"] if slot[0] == name]
        return found[-1] if found else default


def link(data: bytes, start: int, end: int) -> LinkMessage:
    """As parse_link(). Raises MalformedMessageError, as all of these."""
    is_link = data[start : start + 1] == bytes((AF_UNSPEC,))  # a bridge port's IFLA_AF_SPEC has its VLANs
    _check(data, start, end, ifinfmsg, _LINK if is_link else {})
    return _read(link_message, ifinfmsg, data, start, end)  # type: ignore[no-any-return]


def address(data: bytes, start: int, end: int) -> AddressMessage | None:
    """As rtnetlink.parse_address()."""
    _check(data, start, end, ifaddrmsg, _ADDRESS | _of_family(data, start, _IFA_ADDRESSES))
    return _read(address_message, ifaddrmsg, data, start, end)  # type: ignore[no-any-return]


def route(data: bytes, start: int, end: int) -> RouteMessage | None:
    """As rtnetlink.parse_route()."""
    kinds = _check(data, start, end, rtmsg, _ROUTE | _of_family(data, start, _RTA_ADDRESSES))
    if _RTA_NH_ID in kinds and not KNOWS_NEXTHOPS:
        raise MalformedMessageError("this pyroute2 does not know nexthop objects")
    return _read(route_message, rtmsg, data, start, end)  # type: ignore[no-any-return]


def socket(data: bytes, start: int, end: int) -> SocketMessage:
    """As inet_diag.parse_socket()."""
    _check(data, start, end, inet_diag_msg, _SOCKET)
    return _read(socket_message, inet_diag_msg, data, start, end)  # type: ignore[no-any-return]


def rule(data: bytes, start: int, end: int) -> bool:
    """As fib_rules.is_plain_local()."""
    _check(data, start, end, fibmsg, _RULE)
    return _read(plain_local, fibmsg, data, start, end)  # type: ignore[no-any-return]


def _of_family(data: bytes, start: int, kinds: Iterable[int]) -> dict[int, Any]:
    length = _LENGTHS.get(int.from_bytes(data[start : start + 1]))
    return {} if length is None else dict.fromkeys(kinds, _exactly(length))


def _check(data: bytes, start: int, end: int, kind: type, layout: Layout) -> set[int]:
    """The types of a message's attributes. Raises MalformedMessageError unless it is laid out like that."""
    fixed = _FIXED[kind]
    if end - start < fixed:
        raise MalformedMessageError(f"{end - start} octets where {fixed} are needed")
    return _check_attributes(data, start + fixed, end, layout)


def _check_attributes(data: bytes, start: int, end: int, layout: Layout) -> set[int]:
    found = set()
    while start < end:
        if end - start < _ATTRIBUTE.size:
            raise MalformedMessageError(f"{end - start} octets left: no room for an attribute")
        length, flagged = _ATTRIBUTE.unpack_from(data, start)
        if not _ATTRIBUTE.size <= length <= end - start:
            raise MalformedMessageError(f"an attribute of {length} octets, {end - start} left")
        kind, size = flagged & _KIND, length - _ATTRIBUTE.size
        expected = layout.get(kind)
        if isinstance(expected, Mapping):
            _check_attributes(data, start + _ATTRIBUTE.size, start + length, expected)
        elif expected is not None and size not in expected:
            raise MalformedMessageError(f"attribute {kind} has {size} octets")
        found.add(kind)
        start += (length + 3) & ~3
    return found


def _read(read: Callable[[Decoded], Any], kind: type, data: bytes, start: int, end: int) -> Any:
    whole = HEADER.pack(HEADER.size + end - start, 0, 0, 0, 0) + data[start:end]
    try:
        return read(Decoded(kind, whole))
    except Exception as error:  # pyroute2's own, struct.error, KeyError, AttributeError...
        raise MalformedMessageError(f"pyroute2 cannot read it either: {error!r}") from None


def link_message(decoded: Decoded) -> LinkMessage:
    if decoded["family"] != AF_UNSPEC:
        name = _text(decoded.last("IFLA_IFNAME", ""))
        return LinkMessage(decoded["family"], decoded["index"], name, decoded["flags"])
    families = decoded.last("IFLA_AF_SPEC")
    ipv4 = families and families.get_attr("AF_INET")
    information = decoded.last("IFLA_LINKINFO")
    return LinkMessage(
        decoded["family"],
        decoded["index"],
        _text(decoded.last("IFLA_IFNAME", "")),
        decoded["flags"],
        ipv4 and ArpSettings(_signed(ipv4["arp_ignore"]), _signed(ipv4["arp_announce"])),
        _text((information and information.get_attr("IFLA_INFO_SLAVE_KIND")) or ""),
        _text((information and information.get_attr("IFLA_INFO_KIND")) or ""),
        partial=families is None,
        master=_number(decoded.last("IFLA_MASTER", 0)),
        ipv6=_has_ipv6(families),
    )


def _has_ipv6(families: Any) -> bool:
    ipv6 = families and families.get_attr("AF_INET6")
    settings = ipv6 and ipv6.get_attr("IFLA_INET6_CONF")
    return bool(settings) and not settings["disable_ipv6"]


def _signed(number: int) -> int:
    """pyroute2 takes the settings for unsigned; the kernel has them as `int`."""
    return number - (number >> 31 << 32)


def address_message(decoded: Decoded) -> AddressMessage | None:
    family = decoded["family"]
    if family not in _LENGTHS:
        return None
    far = decoded.last("IFA_ADDRESS")
    local = decoded.last("IFA_LOCAL", far)
    times = decoded.last("IFA_CACHEINFO")
    flags = _number(decoded.last("IFA_FLAGS", decoded["flags"]))
    special = {
        "lifetime": not flags & _PERMANENT,
        "broadcast address": decoded.last("IFA_BROADCAST") is not None,
        "metric": bool(decoded.last("IFA_RT_PRIORITY", 0)),
    }
    label = decoded.last("IFA_LABEL")
    return AddressMessage(
        _address(local, family),
        None if far in (None, local) else _address(far, family),
        None if times is None else times["cstamp"] / 100,
        AddressShape(
            family,
            decoded["index"],
            _length(decoded["prefixlen"], family),
            decoded["scope"],
            flags,
            None if label is None else _text(label),
            decoded.last("IFA_PROTO"),
            _names(special.items()),
        ),
    )


def _names(given: Iterable[tuple[str, bool]]) -> tuple[str, ...]:
    return tuple(name for name, is_given in given if is_given)


def route_message(decoded: Decoded) -> RouteMessage | None:
    family = decoded["family"]
    if family not in _LENGTHS:
        return None
    nowhere = addresses.format_address(Address(bytes(_LENGTHS[family])))
    hops = decoded.last("RTA_MULTIPATH")
    source = decoded.last("RTA_PREFSRC")
    return RouteMessage(
        _address(decoded.last("RTA_DST", nowhere), family),
        RouteShape(
            _length(decoded["dst_len"], family),
            _number(decoded.last("RTA_TABLE", decoded["table"])),
            decoded["type"],
            _number(decoded.last("RTA_OIF", hops[0]["oif"] if hops else 0)),
            decoded["proto"],
            decoded["tos"],
            _number(decoded.last("RTA_PRIORITY", 0)),
            decoded["scope"],
            nexthop=_number(decoded.last("RTA_NH_ID", 0)),
            others=tuple(hop["oif"] for hop in hops[1:]) if hops else (),
        ),
        None if source is None else _address(source, family),
    )


def socket_message(decoded: Decoded) -> SocketMessage:
    family = decoded["idiag_family"]
    return SocketMessage(
        family,
        decoded["idiag_state"],
        _address(decoded["idiag_src"], family),
        decoded["idiag_sport"],
        decoded["idiag_dport"],
        decoded["idiag_if"],
        decoded["idiag_rqueue"],
        decoded["idiag_wqueue"],
        decoded["idiag_uid"],
        decoded["idiag_inode"],
        decoded.last("INET_DIAG_CGROUP_ID"),
        bool(decoded.last("INET_DIAG_SKV6ONLY")),
    )


def plain_local(decoded: Decoded) -> bool:
    """Whether a rule is `from all lookup local`."""
    selects = any(decoded[field] for field in ("dst_len", "src_len", "tos"))
    return (
        not (selects or decoded["flags"] & _FIB_RULE_INVERT)
        and (decoded["table"], decoded["action"]) == (RT_TABLE_LOCAL, _FR_ACT_TO_TBL)
        and decoded.attributes <= _SELECTS_NOTHING
        and decoded.last("FRA_SUPPRESS_PREFIXLEN", _SUPPRESSES_NOTHING) == _SUPPRESSES_NOTHING
    )


def _address(text: str, family: int) -> Address:
    """Raises ValueError unless it is an address of the family."""
    found = addresses.parse_address(text)
    if len(found) != _LENGTHS[family]:
        raise ValueError(f"{text} in a message of family {family}")
    return found


def _length(length: int, family: int) -> int:
    if length > _LENGTHS[family] * 8:
        raise ValueError(f"a prefix of {length} bits")
    return length


def _number(value: object) -> int:
    """pyroute2 leaves the octets of what it cannot read."""
    if not isinstance(value, int):
        raise TypeError(f"{value!r} where a number is")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} where a text is")
    return value
