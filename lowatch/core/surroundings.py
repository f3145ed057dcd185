"""What lies around the watched addresses, and what a fix might take along.

Observed only where some finding proposes a change (app/auditor.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from .addresses import Address, Prefix
from .held import Held, Link
from .listeners import Sockets

RouteKind = Literal["local", "unicast", "blackhole", "unreachable", "prohibit", "throw"]


class Route(NamedTuple):
    """A route of any table, as dumped.

    interfaces: that it leads through; () where it names none. source: the address that it prefers as
    source (RTA_PREFSRC). by_kernel: whether the kernel added it, as it does for an address.
    """

    prefix: Prefix
    kind: RouteKind
    interfaces: tuple[str, ...] = ()
    table: int = 254
    source: Address | None = None
    by_kernel: bool = False


class Surroundings(NamedTuple):
    """links: every link. elsewhere: the addresses and local routes that the snapshot's `held` lacks.

    routes: all but broadcast, multicast and anycast ones, and the local routes that come with an address.
    nameservers: that this host asks. unserved: of the expected addresses that are not held, those that some
    domain leads to which no listener here would serve, and that domain.
    """

    links: tuple[Link, ...] = ()
    elsewhere: tuple[Held, ...] = ()
    routes: tuple[Route, ...] = ()
    sockets: Sockets = Sockets()
    nameservers: frozenset[Address] = frozenset()
    unserved: Mapping[Address, str] = MappingProxyType({})
