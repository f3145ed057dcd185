"""rtnetlink: links, which are network interfaces (linux/if_link.h)."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from lowatch.core.arp import ArpSettings

from .netlink import (
    NLM_F_DUMP,
    attribute,
    request,
    unpack,
    walk_attributes,
)
from .rtnetlink import AF_INET, AF_INET6, AF_UNSPEC, RTM_GETLINK, text_of

_IFINFO = Struct("=BxHiII")
_IFLA_IFNAME, _IFLA_MASTER, _IFLA_LINKINFO, _IFLA_AF_SPEC, _IFLA_EXT_MASK = 3, 10, 18, 26, 29
_IFLA_INFO_KIND, _IFLA_INFO_SLAVE_KIND, _IFLA_INET_CONF, _IFLA_INET6_CONF = 1, 4, 1, 2
_DEVCONF_ARP_ANNOUNCE, _DEVCONF_ARP_IGNORE = 18, 19  # linux/ip.h, counted from 1
_DEVCONF = Struct(f"={_DEVCONF_ARP_IGNORE}i")
_DISABLE_IPV6 = Struct("=104xi")  # linux/ipv6.h: DEVCONF_DISABLE_IPV6 is number 26, counted from 0
_RTEXT_FILTER_SKIP_STATS = 1 << 3
_NUMBER = Struct("=I")


class LinkMessage(NamedTuple):
    """A network interface.

    family: AF_UNSPEC for the link itself, AF_BRIDGE for its role as a bridge port.
    arp: the link's own settings, or None if IPv4 is off. slave_kind: "bridge", "bond", "vrf"... if it is a
    slave of one, else "". kind: "dummy", "veth"..., or "". partial: whether the message lacks the ARP
    settings, as those of wireless drivers do. master: the ifindex of what it is a slave of, or 0.
    ipv6: whether it can have IPv6 addresses: the kernel has IPv6, and disable_ipv6 is 0.
    """

    family: int
    ifindex: int
    name: str
    flags: int
    arp: ArpSettings | None = None
    slave_kind: str = ""
    kind: str = ""
    partial: bool = False
    master: int = 0
    ipv6: bool = False


def parse_link(data: bytes, start: int, end: int) -> LinkMessage:
    """The link in a message. Raises MalformedMessageError."""
    family, _, ifindex, flags, _ = unpack(_IFINFO, data, start, end)
    found = walk_attributes(data, start + _IFINFO.size, end)
    first, last = found.get(_IFLA_IFNAME, (start, start))
    if family != AF_UNSPEC:  # the IFLA_AF_SPEC of a bridge port contains its VLANs
        return LinkMessage(family, ifindex, text_of(data[first:last]), flags)
    families = walk_attributes(data, *found.get(_IFLA_AF_SPEC, (0, 0)))
    return LinkMessage(
        family,
        ifindex,
        text_of(data[first:last]),
        flags,
        _arp_settings(data, families),
        _link_kind(data, found, _IFLA_INFO_SLAVE_KIND),
        _link_kind(data, found, _IFLA_INFO_KIND),
        partial=_IFLA_AF_SPEC not in found,
        master=unpack(_NUMBER, data, *found[_IFLA_MASTER])[0] if _IFLA_MASTER in found else 0,
        ipv6=_has_ipv6(data, families),
    )


def _arp_settings(data: bytes, families: dict[int, tuple[int, int]]) -> ArpSettings | None:
    """The settings in IFLA_AF_SPEC / AF_INET / IFLA_INET_CONF, an array of one number per setting."""
    attributes = walk_attributes(data, *families.get(AF_INET, (0, 0)))
    if _IFLA_INET_CONF not in attributes:
        return None
    settings = unpack(_DEVCONF, data, *attributes[_IFLA_INET_CONF])
    return ArpSettings(settings[_DEVCONF_ARP_IGNORE - 1], settings[_DEVCONF_ARP_ANNOUNCE - 1])


def _has_ipv6(data: bytes, families: dict[int, tuple[int, int]]) -> bool:
    """Whether there is IFLA_AF_SPEC / AF_INET6 / IFLA_INET6_CONF, and in it, disable_ipv6 is 0."""
    attributes = walk_attributes(data, *families.get(AF_INET6, (0, 0)))
    if _IFLA_INET6_CONF not in attributes:
        return False
    (disabled,) = unpack(_DISABLE_IPV6, data, *attributes[_IFLA_INET6_CONF])
    return not disabled


def _link_kind(data: bytes, found: dict[int, tuple[int, int]], attribute: int) -> str:
    information = walk_attributes(data, *found.get(_IFLA_LINKINFO, (0, 0)))
    first, last = information.get(attribute, (0, 0))
    return text_of(data[first:last])


def dump_links(sequence: int) -> bytes:
    """A dump of all links, without their statistics, which change constantly."""
    mask = attribute(_IFLA_EXT_MASK, _NUMBER.pack(_RTEXT_FILTER_SKIP_STATS))
    return request(RTM_GETLINK, NLM_F_DUMP, sequence, _IFINFO.pack(0, 0, 0, 0, 0) + mask)
