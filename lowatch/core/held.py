"""Links, and the addresses and local routes that interfaces hold."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, NamedTuple

from .addresses import Address, Prefix, is_link_local, is_loopback, is_v4, prefix_of
from .arp import ArpSettings
from .known import Known, Unknown

TABLE_MAIN, TABLE_LOCAL = 254, 255
SCOPE_HOST = 254
"""Routing tables, and the scope of addresses that are valid on this host only (linux/rtnetlink.h)."""


class Link(NamedTuple):
    """A network interface.

    up: administratively up (IFF_UP). arp: its own settings, or None if it does no ARP itself (see arp.Nic).
    kind: "dummy", "bridge", "veth"... (ip-link(8)); "" for hardware. noarp: IFF_NOARP.
    vrf: the ifindex of the VRF that it is, or is in; 0 for none. ipv6: whether it can have IPv6 addresses.
    """

    ifindex: int
    name: str
    up: bool
    loopback: bool = False
    arp: ArpSettings | None = None
    kind: str = ""
    noarp: bool = False
    vrf: int = 0
    ipv6: bool = True

    @property
    def swallows(self) -> bool:
        """Whether what is routed into it reaches no other host."""
        return swallows(self.kind, loopback=self.loopback, noarp=self.noarp)


def swallows(kind: str, *, loopback: bool, noarp: bool) -> bool:
    """Whether packets routed into a link never reach another host.

    A dummy drops them. A bridge without ARP, which some use in place of a dummy, sends them to itself
    (arp_constructor(), ndisc_constructor()). Tunnels have no ARP either, but lead to another host.
    """
    return loopback or kind in ("dummy", "ifb") or (kind == "bridge" and noarp)


class Held(NamedTuple):
    """An address on an interface, or a local route through one.

    by: "address" (RTM_NEWADDR) or "route" (a route of type local that does not belong to a held address).
    flags: names as `ip address` prints them ("tentative", "dadfailed", "deprecated", "noprefixroute"...).
    peer: the address of the far end if it differs from the local one (`ip address add A peer B`). created:
    seconds after boot (IFA_CACHEINFO.cstamp); None for a route, for which the kernel keeps no time. origin:
    who added it, if the kernel knows: "kernel", "ra", "keepalived", "proto 66"... (IFA_PROTO or the route's
    protocol, by iproute2's names). table: the routing table of a local route; 255 is `local`. scope: an
    address's scope as a number of linux/rtnetlink.h: 0 is global, 253 link, 254 host. special: further
    properties that would be lost if the address were deleted and added again: "lifetime", "broadcast
    address", "metric".
    """

    address: Address
    prefixlen: int
    interface: str
    by: Literal["address", "route"] = "address"
    label: str | None = None
    flags: tuple[str, ...] = ()
    peer: Address | None = None
    created: float | None = None
    origin: str | None = None
    table: int | None = None
    scope: int = 0
    special: tuple[str, ...] = ()

    def age(self, uptime: float) -> float | None:
        """Seconds since it was created; None if the kernel does not say.

        The kernel's stamp counts hundredths of a second in 32 bits, and wraps around after 497 days.
        """
        if self.created is None:
            return None
        return max(0.0, uptime - self.created) % (2**32 / 100)

    @property
    def prefix(self) -> Prefix:
        """Its network, which is the peer's if it has one."""
        return prefix_of(self.peer or self.address, self.prefixlen)


Twins = tuple[Held, ...]
"""One address on several interfaces of one VRF, one of which is watched: that one comes first."""
NO_TWINS: Known[tuple[Twins, ...]] = Known(())


def may_hold_ipv6(held: Known[tuple[Held, ...]] | Unknown) -> bool:
    """Whether an AAAA answer may lead here: something other than ::1 and link-local addresses is held."""
    return isinstance(held, Unknown) or any(
        not is_v4(each.address) and not is_loopback(each.address) and not is_link_local(each.address)
        for each in held.value
    )


class LocalRoute(NamedTuple):
    """A route of type local through a watched interface, as dumped. RTM_GETROUTE has to confirm it."""

    prefix: Prefix
    interface: str
    table: int


class LocalPrefix(NamedTuple):
    """A prefix of several addresses that the kernel delivers locally through a watched interface.

    It is confirmed by RTM_GETROUTE (RTM_F_FIB_MATCH), never derived from an address's prefix length:
    addresses with noprefixroute make only themselves local.

    cause: the held address that it came with, or None for a local route added on its own.
    size: how many of its addresses are local, since routes inside it may lead others away; None if unknown.
    """

    prefix: Prefix
    interface: str
    table: int
    cause: Held | None
    size: int | None = None


class BlackHole(NamedTuple):
    """An IPv6 prefix with a unicast route into a watched interface, so connects to neighbours time out."""

    prefix: Prefix
    interface: str
    cause: Held


class Delivery(NamedTuple):
    """What routing does with a local client's packet to an address.

    local: whether it is delivered to this host. ifindex, length: the interface and the prefix length of the
    matching route, both 0 if no route matches.
    """

    local: bool
    ifindex: int
    length: int


class FlowRoute(StrEnum):
    """Where a local client's packets to an endpoint go, and whether replies come back."""

    HERE = "here"
    ELSEWHERE = "elsewhere"
    """Routed to another host. The address may be local for other ports."""
    NOWHERE = "nowhere"
    """No route, or one that refuses."""
    NO_WAY_BACK = "no way back"
    """Local, but the route with the chosen source address, or the route of the replies, is not."""


NOT_ROUTED = Delivery(local=False, ifindex=0, length=0)
