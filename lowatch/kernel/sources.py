"""The source address that the kernel chooses for a destination, as a client without bind() gets it."""

from __future__ import annotations

from collections.abc import Sequence

from lowatch.core.addresses import Address
from lowatch.core.known import Unknown
from lowatch.core.sources import Source
from lowatch.wire.rtnetlink import RTN_UNICAST, get_source

from .request_cache import RequestCache
from .request_socket import RequestSocket, unknown
from .routing import read_route


class Sources:
    """RTM_GETROUTE: rt6_fill_node() (net/ipv6/route.c) asks ipv6_dev_get_saddr(), as connect() does."""

    def __init__(self, route: RequestSocket) -> None:
        self._cache: RequestCache[Address, Source | Unknown | None] = RequestCache(
            route, get_source, _read, unknown
        )

    def ask(self, destinations: Sequence[Address]) -> list[Source | Unknown | None]:
        """One answer for each IPv6 address, in order; None if packets to it do not leave this host."""
        return self._cache.ask(destinations)


def _read(sequence: int, _: Address, reply: bytes) -> Source | Unknown | None:
    route = read_route(sequence, reply)
    if route is None or isinstance(route, Unknown):
        return route
    if route.shape.type != RTN_UNICAST or route.source is None:
        return None
    return Source(route.source, route.shape.ifindex)
