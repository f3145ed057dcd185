"""rtnetlink: links as another network namespace needs them to behave alike (linux/if_link.h)."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from .copies import NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, attributes
from .netlink import MalformedMessageError, attribute, request, unpack
from .rtnetlink import AF_INET, AF_INET6, IFF_LOOPBACK, IFF_NOARP, IFF_UP, RTM_NEWLINK, text_of

RTM_SETLINK = 19
_IFINFO = Struct("=BxHiII")
_U32 = Struct("=I")
_NESTED = 0x8000
_IFNAME, _MTU, _MASTER, _LINKINFO, _AF_SPEC, _CARRIER = 3, 4, 10, 18, 26, 33
_INFO_KIND, _INFO_DATA, _INFO_SLAVE_KIND = 1, 2, 4
_VETH_INFO_PEER = 1
_INET_CONF, _INET6_CONF, _INET6_ADDR_GEN_MODE = 1, 2, 8
_ADDR_GEN_MODE_NONE = 1
_SETTABLE = IFF_NOARP
_LEAST_MTU, _MOST_MTU = 68, 65535

PROMOTE_SECONDARIES, IGNORE_ROUTES_WITH_LINKDOWN = 20, 29  # linux/ip.h, counted from 1
_V4_COPIED = (PROMOTE_SECONDARIES, IGNORE_ROUTES_WITH_LINKDOWN)
DISABLE_IPV6 = 26  # linux/ipv6.h, counted from 0
_V6_COPIED = {0: "forwarding", DISABLE_IPV6: "disable_ipv6"}


class CopiedLink(NamedTuple):
    """A link. kind: "dummy", "vrf"... data: IFLA_INFO_DATA. vrf: the index of its VRF, or 0.

    v4: the settings of IPv4 that matter, by number; v6: of IPv6, by name. Empty where the family is off.
    """

    ifindex: int
    name: str
    flags: int
    mtu: int = 0
    kind: str = ""
    data: bytes = b""
    vrf: int = 0
    carrier: bool = True
    v4: tuple[tuple[int, int], ...] = ()
    v6: tuple[tuple[str, int], ...] = ()

    @property
    def loopback(self) -> bool:
        return bool(self.flags & IFF_LOOPBACK)

    @property
    def up(self) -> bool:
        return bool(self.flags & IFF_UP)

    @property
    def noarp(self) -> bool:
        return bool(self.flags & IFF_NOARP)

    @property
    def behaviour(self) -> tuple[object, ...]:
        """What must be the same in a copy."""
        carrier = self.carrier if self.up else None
        return self.name, self.flags & (IFF_UP | IFF_NOARP | IFF_LOOPBACK), carrier, self.v4, self.v6


def copied_link(data: bytes, start: int, end: int) -> CopiedLink | None:
    """The link in a message; None for a bridge port (AF_BRIDGE). Raises MalformedMessageError."""
    family, _, ifindex, flags, _ = unpack(_IFINFO, data, start, end)
    found = _plain(attributes(data, start + _IFINFO.size, end))
    if family:
        return None
    information = _nested(found, _LINKINFO)
    families = _nested(found, _AF_SPEC)
    is_slave = text_of(information.get(_INFO_SLAVE_KIND, b"")) == "vrf"
    return CopiedLink(
        ifindex,
        text_of(found.get(_IFNAME, b"")),
        flags,
        _number(found.get(_MTU)),
        text_of(information.get(_INFO_KIND, b"")),
        information.get(_INFO_DATA, b""),
        _number(found.get(_MASTER)) if is_slave else 0,
        found.get(_CARRIER, b"\1") != b"\0",
        _v4_settings(_nested(families, AF_INET).get(_INET_CONF, b"")),
        _v6_settings(_nested(families, AF_INET6).get(_INET6_CONF, b"")),
    )


def _v4_settings(array: bytes) -> tuple[tuple[int, int], ...]:
    values = [_U32.unpack_from(array, offset)[0] for offset in range(0, len(array) - 3, 4)]
    return tuple((number, values[number - 1]) for number in _V4_COPIED if number <= len(values))


def _v6_settings(array: bytes) -> tuple[tuple[str, int], ...]:
    values = [_U32.unpack_from(array, offset)[0] for offset in range(0, len(array) - 3, 4)]
    return tuple((name, values[number]) for number, name in _V6_COPIED.items() if number < len(values))


def peer_name(ifindex: int) -> str:
    """The name of the other end of a veth that stands in for a link."""
    return f"lowatch.{ifindex}"


def create_link(sequence: int, link: CopiedLink, kind: str, ifindex: int) -> bytes:
    """A request for a link of some kind in the place of another. ifindex: 0 to let the kernel choose."""
    information = attribute(_INFO_KIND, kind.encode())
    if kind == link.kind == "vrf":
        information += attribute(_INFO_DATA | _NESTED, link.data)
    elif kind == "veth":
        peer = _IFINFO.pack(0, 0, 0, 0, 0) + attribute(_IFNAME, peer_name(link.ifindex).encode() + b"\0")
        information += attribute(_INFO_DATA | _NESTED, attribute(_VETH_INFO_PEER, peer))
    body = _IFINFO.pack(0, 0, ifindex, 0, 0) + attribute(_IFNAME, link.name.encode() + b"\0")
    if _LEAST_MTU <= link.mtu <= _MOST_MTU and kind != "vrf":
        body += attribute(_MTU, _U32.pack(link.mtu))
    body += attribute(_LINKINFO | _NESTED, information)
    return request(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sequence, body)


def set_apart(sequence: int, ifindex: int, name: str) -> bytes:
    """A request that renames a link that is there already."""
    body = _IFINFO.pack(0, 0, ifindex, 0, 0) + attribute(_IFNAME, name.encode() + b"\0")
    return request(RTM_SETLINK, NLM_F_ACK, sequence, body)


def configure_link(sequence: int, link: CopiedLink, ifindex: int) -> bytes:
    """A request for a link's settings of IPv4. IPv6 is kept from adding an address of its own."""
    families = b""
    if link.v4:
        settings = b"".join(attribute(number, _U32.pack(value)) for number, value in link.v4)
        families += attribute(AF_INET | _NESTED, attribute(_INET_CONF | _NESTED, settings))
    if link.v6 and not link.loopback:
        mode = attribute(_INET6_ADDR_GEN_MODE, bytes([_ADDR_GEN_MODE_NONE]))
        families += attribute(AF_INET6 | _NESTED, mode)
    flags = link.flags & _SETTABLE
    body = _IFINFO.pack(0, 0, ifindex, flags, 0 if link.loopback else _SETTABLE)
    body += attribute(_AF_SPEC | _NESTED, families) if families else b""
    return request(RTM_SETLINK, NLM_F_ACK, sequence, body)


def enslave(sequence: int, ifindex: int, master: int) -> bytes:
    body = _IFINFO.pack(0, 0, ifindex, 0, 0) + attribute(_MASTER, _U32.pack(master))
    return request(RTM_SETLINK, NLM_F_ACK, sequence, body)


def set_up(sequence: int, ifindex: int, *, up: bool) -> bytes:
    body = _IFINFO.pack(0, 0, ifindex, IFF_UP if up else 0, IFF_UP)
    return request(RTM_SETLINK, NLM_F_ACK, sequence, body)


def _plain(found: dict[int, bytes]) -> dict[int, bytes]:
    return {kind & ~_NESTED: payload for kind, payload in found.items()}


def _nested(found: dict[int, bytes], kind: int) -> dict[int, bytes]:
    payload = found.get(kind, b"")
    return _plain(attributes(payload, 0, len(payload)))


def _number(payload: bytes | None) -> int:
    if payload is None:
        return 0
    if len(payload) != _U32.size:
        raise MalformedMessageError(f"a number of {len(payload)} octets")
    number: int = _U32.unpack(payload)[0]
    return number
