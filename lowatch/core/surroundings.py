"""Other addresses, routes and sockets that a fix might affect.

Observed only if a finding proposes a change (app/auditor.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from .addresses import Address, Prefix
from .held import TABLE_MAIN, Held, Link
from .listeners import Sockets

RouteKind = Literal["local", "unicast", "blackhole", "unreachable", "prohibit", "throw"]


class Route(NamedTuple):
    """A route of any table, as dumped.

    interfaces: those that it leads through; () if it names none. source: the source address that it
    prefers (RTA_PREFSRC). by_kernel: whether the kernel added it, as it does for an address.
    """

    prefix: Prefix
    kind: RouteKind
    interfaces: tuple[str, ...] = ()
    table: int = TABLE_MAIN
    source: Address | None = None
    by_kernel: bool = False


class Surroundings(NamedTuple):
    """links: every link.

    elsewhere: addresses and local routes that are not in the snapshot's `held`.
    routes: all except broadcast, multicast and anycast routes, and the local routes of addresses.
    nameservers: the nameservers that this host asks.
    unserved: expected addresses that are not held, and a domain of each that nothing here would serve.
    """

    links: tuple[Link, ...] = ()
    elsewhere: tuple[Held, ...] = ()
    routes: tuple[Route, ...] = ()
    sockets: Sockets = Sockets()
    nameservers: frozenset[Address] = frozenset()
    unserved: Mapping[Address, str] = MappingProxyType({})
