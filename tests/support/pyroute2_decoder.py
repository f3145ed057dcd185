"""The same messages as pyroute2 reads them, in our types: the second decoder.

Works with pyroute2 0.7.2 (Debian 12) and newer; what 0.7.2 cannot read yet, `readable` takes out of ours.
"""

from __future__ import annotations

from typing import Any

from pyroute2.netlink.diag import inet_diag_msg
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from lowatch.core.addresses import Address, parse_address
from lowatch.core.arp import ArpSettings
from lowatch.wire.inet_diag import SocketMessage
from lowatch.wire.links import LinkMessage
from lowatch.wire.netlink import HEADER
from lowatch.wire.rtnetlink import (
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    AddressMessage,
    AddressShape,
    RouteMessage,
    RouteShape,
)

_KNOWS_PROTOCOL = "IFA_PROTO" in str(ifaddrmsg.nla_map)
_KNOWS_CGROUP = "INET_DIAG_CGROUP_ID" in str(inet_diag_msg.nla_map)
FAMILIES = (AF_INET, AF_INET6)


class Decoded:
    """A message: its header's fields by key, its attributes by `last`."""

    def __init__(self, kind: type, data: bytes) -> None:
        self._message = kind(data)
        self._message.decode()

    def __getitem__(self, field: str) -> Any:
        return self._message[field]

    def last(self, name: str, default: Any = None) -> Any:
        """Of a repeated attribute the last one, as the kernel and we have it (get_attr: the first)."""
        found = [slot[1] for slot in self._message["attrs"] if slot[0] == name]
        return found[-1] if found else default


def link(data: bytes) -> LinkMessage:
    """`data` is one whole message here and below: its header and its body."""
    decoded = Decoded(ifinfmsg, data)
    if decoded["family"] != AF_UNSPEC:  # a bridge port's IFLA_AF_SPEC has its VLANs
        name = decoded.last("IFLA_IFNAME", "")
        return LinkMessage(decoded["family"], decoded["index"], name, decoded["flags"])
    families = decoded.last("IFLA_AF_SPEC")
    ipv4 = families and families.get_attr("AF_INET")
    information = decoded.last("IFLA_LINKINFO")
    return LinkMessage(
        decoded["family"],
        decoded["index"],
        decoded.last("IFLA_IFNAME", ""),
        decoded["flags"],
        ipv4 and ArpSettings(_signed(ipv4["arp_ignore"]), _signed(ipv4["arp_announce"])),
        (information and information.get_attr("IFLA_INFO_SLAVE_KIND")) or "",
        (information and information.get_attr("IFLA_INFO_KIND")) or "",
        partial=families is None,
        master=decoded.last("IFLA_MASTER", 0),
        ipv6=_has_ipv6(families),
    )


def _has_ipv6(families: Any) -> bool:
    ipv6 = families and families.get_attr("AF_INET6")
    settings = ipv6 and ipv6.get_attr("IFLA_INET6_CONF")
    return bool(settings) and not settings["disable_ipv6"]


def _signed(number: int) -> int:
    """pyroute2 takes the settings for unsigned; the kernel has them as `int`."""
    return number - (number >> 31 << 32)


def address(data: bytes) -> AddressMessage | None:
    decoded = Decoded(ifaddrmsg, data)
    if decoded["family"] not in FAMILIES:
        return None
    far = decoded.last("IFA_ADDRESS")
    local = decoded.last("IFA_LOCAL", far)
    times = decoded.last("IFA_CACHEINFO")
    flags = decoded.last("IFA_FLAGS", decoded["flags"])
    special = {
        "lifetime": not flags & 0x80,  # IFA_F_PERMANENT
        "broadcast address": decoded.last("IFA_BROADCAST") is not None,
        "metric": bool(decoded.last("IFA_RT_PRIORITY", 0)),
    }
    return AddressMessage(
        parse_address(local),
        None if far in (None, local) else parse_address(far),
        None if times is None else times["cstamp"] / 100,
        AddressShape(
            decoded["family"],
            decoded["index"],
            decoded["prefixlen"],
            decoded["scope"],
            flags,
            decoded.last("IFA_LABEL"),
            decoded.last("IFA_PROTO"),
            tuple(name for name, given in special.items() if given),
        ),
    )


def route(data: bytes) -> RouteMessage | None:
    decoded = Decoded(rtmsg, data)
    family = decoded["family"]
    if family not in FAMILIES:
        return None
    nowhere = "0.0.0.0" if family == AF_INET else "::"
    hops = decoded.last("RTA_MULTIPATH")
    return RouteMessage(
        parse_address(decoded.last("RTA_DST", nowhere)),
        RouteShape(
            decoded["dst_len"],
            decoded.last("RTA_TABLE", decoded["table"]),
            decoded["type"],
            decoded.last("RTA_OIF", hops[0]["oif"] if hops else 0),
            decoded["proto"],
            decoded["tos"],
            decoded.last("RTA_PRIORITY", 0),
            decoded["scope"],
            others=tuple(hop["oif"] for hop in hops[1:]) if hops else (),
        ),
        None if (source := decoded.last("RTA_PREFSRC")) is None else parse_address(source),
    )


def socket(data: bytes) -> SocketMessage:
    decoded = Decoded(inet_diag_msg, data)
    family = decoded["idiag_family"]
    return SocketMessage(
        family,
        decoded["idiag_state"],
        _endpoint_address(decoded["idiag_src"], family),
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


def _endpoint_address(text: str, family: int) -> Address:
    """pyroute2 writes an unbound IPv6 socket's address as it does any other: `::`."""
    address = parse_address(text)
    assert len(address) == (4 if family == AF_INET else 16)
    return address


def whole(data: bytes, start: int, end: int) -> bytes:
    """The message whose body is data[start:end]."""
    return data[start - HEADER.size : end]


def readable(ours: Any) -> Any:
    """A message of ours without the fields that this pyroute2 does not know."""
    if isinstance(ours, AddressMessage) and not _KNOWS_PROTOCOL:
        return ours._replace(shape=ours.shape._replace(protocol=None))
    if isinstance(ours, SocketMessage) and not _KNOWS_CGROUP:
        return ours._replace(cgroup=None)
    if isinstance(ours, RouteMessage):  # 0.9 knows no RTA_NH_ID yet
        return ours._replace(shape=ours.shape._replace(nexthop=0))
    return ours


def decoded(kind: type, request: bytes, **fields: Any) -> Decoded:
    """The request as pyroute2 reads it; the fields given are checked, its header's length too."""
    found = Decoded(kind, request)
    assert found["header"]["length"] == len(request)
    assert {name: found[name] for name in fields} == fields
    return found


def header(found: Decoded) -> tuple[int, int, int]:
    return tuple(found["header"][name] for name in ("type", "flags", "sequence_number"))  # type: ignore[return-value]
