"""Rows to rtnetlink messages and back, with pyroute2's classes.

pyroute2 0.7.2 does not know all attributes of an address, so they are listed here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from lowatch.core.addresses import Address, Prefix, format_address, is_v4, parse_address
from lowatch.core.changes.rows import (
    F_DADFAILED,
    F_DEPRECATED,
    F_PERMANENT,
    F_SECONDARY,
    F_TENTATIVE,
    FOREVER,
    AddressRow,
    RouteRow,
)
from lowatch.wire.rtnetlink import AF_INET, AF_INET6

_HEADER = 16
_DERIVED = F_SECONDARY | F_TENTATIVE | F_DADFAILED | F_DEPRECATED | F_PERMANENT
"""The kernel sets these flags itself: of the order, of lifetimes, of duplicate address detection."""
_SETTABLE = 0x4 | 0x2
"""RTNH_F_ONLINK and RTNH_F_PERVASIVE; the others report the state of a link (linux/rtnetlink.h)."""
_MAIN_NUMBERS = 256

_KNOWN_OF_ADDRESS = {
    "IFA_ADDRESS",
    "IFA_LOCAL",
    "IFA_LABEL",
    "IFA_BROADCAST",
    "IFA_CACHEINFO",
    "IFA_FLAGS",
    "IFA_RT_PRIORITY",
    "IFA_PROTO",
}
_KNOWN_OF_ROUTE = {
    "RTA_DST",
    "RTA_OIF",
    "RTA_PRIORITY",
    "RTA_PREFSRC",
    "RTA_METRICS",
    "RTA_TABLE",
    "RTA_PREF",
    "RTA_GATEWAY",
    "RTA_CACHEINFO",  # counters
}


class _AddressMessage(ifaddrmsg):  # type: ignore[misc]  # pyroute2 has no types
    nla_map = (
        ("IFA_UNSPEC", "hex"),
        ("IFA_ADDRESS", "ipaddr"),
        ("IFA_LOCAL", "ipaddr"),
        ("IFA_LABEL", "asciiz"),
        ("IFA_BROADCAST", "ipaddr"),
        ("IFA_ANYCAST", "ipaddr"),
        ("IFA_CACHEINFO", "cacheinfo"),
        ("IFA_MULTICAST", "ipaddr"),
        ("IFA_FLAGS", "uint32"),
        ("IFA_RT_PRIORITY", "uint32"),
        ("IFA_TARGET_NETNSID", "uint32"),
        ("IFA_PROTO", "uint8"),
    )


def address_row(data: bytes, name_of: Callable[[int], str]) -> AddressRow:
    """The row of an RTM_NEWADDR message, header included. name_of: an interface's name, by its index."""
    message = _AddressMessage(data)
    message.decode()
    found = dict(_attributes(message))
    local = found.get("IFA_LOCAL", found["IFA_ADDRESS"])
    life: Mapping[str, int] = found.get("IFA_CACHEINFO", {})
    return AddressRow(
        name_of(message["index"]),
        parse_address(local),
        message["prefixlen"],
        parse_address(found["IFA_ADDRESS"]) if found["IFA_ADDRESS"] != local else None,
        found.get("IFA_LABEL"),
        found.get("IFA_FLAGS", message["flags"]),
        message["scope"],
        _optional(found.get("IFA_BROADCAST")),
        found.get("IFA_RT_PRIORITY") or None,
        found.get("IFA_PROTO") or None,
        life.get("ifa_preferred", FOREVER),
        life.get("ifa_valid", FOREVER),
        _others(found, _KNOWN_OF_ADDRESS),
    )


def address_body(row: AddressRow, ifindex: int) -> bytes:
    """The body of an RTM_NEWADDR or RTM_DELADDR message."""
    flags = row.flags & ~_DERIVED
    attributes = [("IFA_LOCAL", format_address(row.address))]
    attributes.append(("IFA_ADDRESS", format_address(row.peer or row.address)))
    optional: list[tuple[str, Any]] = [
        ("IFA_BROADCAST", row.broadcast and format_address(row.broadcast)),
        ("IFA_LABEL", row.label),
        ("IFA_FLAGS", flags or None),
        ("IFA_RT_PRIORITY", row.priority),
        ("IFA_PROTO", row.protocol),
    ]
    if (row.preferred, row.valid) != (FOREVER, FOREVER):
        optional.append(("IFA_CACHEINFO", {"ifa_preferred": row.preferred, "ifa_valid": row.valid}))
    fields = {
        "family": AF_INET if is_v4(row.address) else AF_INET6,
        "prefixlen": row.prefixlen,
        "flags": flags & 0xFF,
        "scope": row.scope,
        "index": ifindex,
    }
    return _encoded(_AddressMessage(), fields, (*attributes, *_given(optional)))


def route_row(data: bytes, name_of: Callable[[int], str]) -> RouteRow:
    """The row of an RTM_NEWROUTE message, header included."""
    message = rtmsg(data)
    message.decode()
    found = dict(_attributes(message))
    v4 = message["family"] == AF_INET
    destination = found.get("RTA_DST", "0.0.0.0" if v4 else "::")  # noqa: S104  # the default route
    metrics, odd = _metrics(found.get("RTA_METRICS"))
    others = (*_others(found, _KNOWN_OF_ROUTE), *odd)
    if found.get("RTA_CACHEINFO", {}).get("rta_expires"):
        others = (*others, ("expires", ""))
    if message["src_len"]:
        others = (*others, ("src_len", str(message["src_len"])))
    return RouteRow(
        name_of(found["RTA_OIF"]) if "RTA_OIF" in found else "",
        Prefix(parse_address(destination), message["dst_len"]),
        found.get("RTA_TABLE", message["table"]),
        message["type"],
        message["proto"],
        message["scope"],
        message["tos"],
        found.get("RTA_PRIORITY", 0),
        _optional(found.get("RTA_PREFSRC")),
        metrics,
        found.get("RTA_PREF"),
        message["flags"] & _SETTABLE,
        _optional(found.get("RTA_GATEWAY")),
        others,
    )


def route_body(row: RouteRow, ifindex: int) -> bytes:
    """The body of an RTM_NEWROUTE or RTM_DELROUTE message."""
    optional: list[tuple[str, Any]] = [
        ("RTA_DST", format_address(row.prefix.address) if row.prefix.length else None),
        ("RTA_OIF", ifindex),
        ("RTA_TABLE", row.table),
        ("RTA_PRIORITY", row.priority or None),
        ("RTA_PREFSRC", row.source and format_address(row.source)),
        ("RTA_METRICS", {"attrs": list(row.metrics)} if row.metrics else None),
        ("RTA_PREF", row.preference or None),
        ("RTA_GATEWAY", row.gateway and format_address(row.gateway)),
    ]
    fields = {
        "family": AF_INET if is_v4(row.prefix.address) else AF_INET6,
        "dst_len": row.prefix.length,
        "tos": row.tos,
        "table": row.table if row.table < _MAIN_NUMBERS else 0,
        "proto": row.protocol,
        "scope": row.scope,
        "type": row.kind,
        "flags": row.flags,
    }
    return _encoded(rtmsg(), fields, _given(optional))


def _encoded(message: Any, fields: Mapping[str, int], attributes: Iterable[tuple[str, Any]]) -> bytes:
    for name, value in fields.items():
        message[name] = value
    message["attrs"] = list(attributes)
    message.encode()
    return bytes(message.data[_HEADER:])


def _given(attributes: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in attributes if value is not None]


def _attributes(message: Any) -> Iterator[tuple[str, Any]]:
    """Name and value of each; one without a name keeps its number."""
    for slot in message["attrs"]:
        name, value = slot[0], slot[1]
        if name == "UNKNOWN":
            name = f"attribute {value['header']['type'] & 0x3FFF}"
        yield name, value


def _metrics(nested: Any) -> tuple[tuple[tuple[str, int], ...], tuple[tuple[str, str], ...]]:
    """The metrics that are numbers, and the others."""
    found = sorted(_attributes(nested)) if nested is not None else []
    numbers = tuple((name, value) for name, value in found if isinstance(value, int))
    return numbers, tuple((name, str(value)) for name, value in found if not isinstance(value, int))


def _others(found: Mapping[str, Any], known: set[str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, str(value)) for name, value in found.items() if name not in known))


def _optional(text: str | None) -> Address | None:
    return parse_address(str(ipaddress.ip_address(text))) if text else None
