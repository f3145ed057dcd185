"""Converts rtnetlink messages into core's values."""

from __future__ import annotations

from collections.abc import Callable

from lowatch.core.held import Held
from lowatch.core.surroundings import Route, RouteKind
from lowatch.wire.rtnetlink import (
    RTN_BLACKHOLE,
    RTN_LOCAL,
    RTN_PROHIBIT,
    RTN_THROW,
    RTN_UNICAST,
    RTN_UNREACHABLE,
    RTPROT_KERNEL,
    AddressMessage,
    RouteMessage,
    flag_names,
)

_ADDRESS_PROTOCOLS = {1: "kernel", 2: "ra", 3: "link-local"}  # IFAPROT_*
_ROUTE_PROTOCOLS = {1: "redirect", 2: "kernel", 3: "boot", 4: "static"}  # RTPROT_*
ROUTE_KINDS: dict[int, RouteKind] = {
    RTN_LOCAL: "local",
    RTN_UNICAST: "unicast",
    RTN_BLACKHOLE: "blackhole",
    RTN_UNREACHABLE: "unreachable",
    RTN_PROHIBIT: "prohibit",
    RTN_THROW: "throw",
}


def held_address(message: AddressMessage, interface: str) -> Held:
    """Converts an address of an interface."""
    shape = message.shape
    return Held(
        message.local,
        shape.prefixlen,
        interface,
        "address",
        shape.label,
        flag_names(shape.flags),
        message.peer,
        message.created,
        None
        if shape.protocol is None
        else _ADDRESS_PROTOCOLS.get(shape.protocol, f"proto {shape.protocol}"),
        scope=shape.scope,
        special=shape.special,
    )


def held_route(message: RouteMessage, interface: str) -> Held:
    """Converts a local route through an interface."""
    shape = message.shape
    return Held(
        message.destination,
        shape.length,
        interface,
        "route",
        origin=_ROUTE_PROTOCOLS.get(shape.protocol, f"proto {shape.protocol}"),
        table=shape.table,
    )


def as_route(message: RouteMessage, name_of: Callable[[int], str], device: int = 0) -> Route:
    """The route in a message. device: its interface index, if the message only names a nexthop object."""
    shape = message.shape
    devices = (shape.ifindex or device, *shape.others)
    return Route(
        message.prefix,
        ROUTE_KINDS[shape.type],
        tuple(name_of(ifindex) for ifindex in devices if ifindex),
        shape.table,
        message.source,
        shape.protocol == RTPROT_KERNEL,
    )
