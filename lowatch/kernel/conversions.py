"""Converts rtnetlink messages into core's values."""

from __future__ import annotations

from collections.abc import Callable

from lowatch.core.arp import ArpSettings
from lowatch.core.held import Held, Link
from lowatch.core.surroundings import Route, RouteKind
from lowatch.core.values import new
from lowatch.wire.links import LinkMessage
from lowatch.wire.rtnetlink import (
    IFF_LOOPBACK,
    IFF_NOARP,
    IFF_UP,
    RTN_BLACKHOLE,
    RTN_LOCAL,
    RTN_PROHIBIT,
    RTN_THROW,
    RTN_UNICAST,
    RTN_UNREACHABLE,
    RTPROT_KERNEL,
    AddressMessage,
    AddressShape,
    RouteMessage,
    flag_names,
)

from .protocol_names import address_origin, route_origin

_MASTERS_WITHOUT_FRAMES = frozenset({"", "vrf"})
"""Kinds of master whose slaves keep the frames that they receive; "" means that there is no master."""

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
    return held_like(message.shape, interface)(message)


def held_like(shape: AddressShape, interface: str) -> Callable[[AddressMessage], Held]:
    """Converts any address of this shape. What such addresses have in common is converted once."""
    _, _, length, scope, flags, label, protocol, special = shape
    names = flag_names(flags)
    origin = None if protocol is None else address_origin(protocol)

    def convert(message: AddressMessage) -> Held:
        local, peer, created, _ = message
        common = (length, interface, "address", label, names)
        return new(Held, (local, *common, peer, created, origin, None, scope, special))

    return convert


def held_route(message: RouteMessage, interface: str) -> Held:
    """Converts a local route through an interface."""
    shape = message.shape
    return Held(
        message.destination,
        shape.length,
        interface,
        "route",
        origin=route_origin(shape.protocol),
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


def link_of(message: LinkMessage, known: Link | None) -> Link:
    """The link in a message. known: as it was before; a partial message does not say everything."""
    return Link(
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
