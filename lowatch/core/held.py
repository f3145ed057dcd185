"""What the watched interfaces hold: their links, addresses and local routes."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, NamedTuple

from .addresses import Address, Prefix, is_link_local, is_loopback, is_v4, prefix_of
from .arp import ArpSettings
from .known import Known, Unknown


class Link(NamedTuple):
    """A network interface. `up`: administratively up (IFF_UP).

    arp: what is set for it alone; None where it takes no part in ARP itself (see arp.Nic).
    kind: "dummy", "bridge", "veth"... (ip-link(8)); "" for hardware. noarp: IFF_NOARP.
    """

    ifindex: int
    name: str
    up: bool
    loopback: bool = False
    arp: ArpSettings | None = None
    kind: str = ""
    noarp: bool = False

    @property
    def swallows(self) -> bool:
        """Whether nobody is behind it: what is routed into it never reaches another host.

        A dummy drops it; a bridge without ARP, as some have in place of a dummy, sends it to itself
        (arp_constructor(), ndisc_constructor()). Tunnels have no ARP either, and do lead somewhere.
        """
        return self.loopback or self.kind in ("dummy", "ifb") or (self.kind == "bridge" and self.noarp)


class Held(NamedTuple):
    """An address on a watched interface, or a local route through one.

    by: "address" (RTM_NEWADDR) or "route" (a route of type local that no held address accounts for).
    flags: names as `ip address` prints them ("tentative", "dadfailed", "deprecated", "noprefixroute"...).
    peer: the network's address where it differs from the local one (`ip address add A peer B`).
    created: seconds after boot (IFA_CACHEINFO.cstamp); None for a route, the kernel keeps none.
    origin: who put it there, where the kernel knows: "kernel", "ra", "proto 66"...
    table: the routing table of a local route; 255 is `local`.
    scope: of an address, as linux/rtnetlink.h has it: 0 is global, 253 link, 254 host.
    special: what else it was given that a command to add it anew would drop: a lifetime, a broadcast
    address, a metric.
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
        """Seconds since it was created; None where the kernel does not say.

        The kernel's stamp counts hundredths in 32 bits and begins anew after 497 days.
        """
        if self.created is None:
            return None
        return max(0.0, uptime - self.created) % (2**32 / 100)

    @property
    def prefix(self) -> Prefix:
        """The network that comes with it: of the peer, where there is one."""
        return prefix_of(self.peer or self.address, self.prefixlen)


def may_hold_ipv6(held: Known[tuple[Held, ...]] | Unknown) -> bool:
    """Whether an AAAA answer may lead here: an IPv6 address or route is held that not every host has."""
    return isinstance(held, Unknown) or any(
        not is_v4(one.address) and not is_loopback(one.address) and not is_link_local(one.address)
        for one in held.value
    )


class LocalRoute(NamedTuple):
    """A route of type local through a watched interface, as dumped: whom to ask, not the answer."""

    prefix: Prefix
    interface: str
    table: int


class LocalPrefix(NamedTuple):
    """A prefix shorter than a host's that the kernel delivers locally through a watched interface.

    Confirmed by RTM_GETROUTE (RTM_F_FIB_MATCH), never derived from an address's mask: noprefixroute
    addresses make only themselves local.

    cause: the held address that brought it, or None for a local route added by itself. size: how many of
    its addresses are local: routes inside it may lead others away; None where that could not be asked.
    """

    prefix: Prefix
    interface: str
    table: int
    cause: Held | None
    size: int | None = None


class BlackHole(NamedTuple):
    """An IPv6 prefix whose neighbours are routed, unicast, into a watched interface: they time out."""

    prefix: Prefix
    interface: str
    cause: Held


class Delivery(NamedTuple):
    """What routing would do with a local client's packet to an address.

    local: delivered to this host. ifindex: of the device of the matching route. length: of the matching
    route's prefix. Both 0 where no route matches.
    """

    local: bool
    ifindex: int
    length: int


class Course(StrEnum):
    """What becomes of a local client's packets to an endpoint, and of the replies."""

    HERE = "here"
    ELSEWHERE = "elsewhere"
    """Routed to another host: the address may be local for other ports."""
    NOWHERE = "nowhere"
    """Not routed at all, or refused."""
    NO_WAY_BACK = "no way back"
    """Local, but with the source that is chosen, or in the other direction, it is not."""


NOT_ROUTED = Delivery(local=False, ifindex=0, length=0)
