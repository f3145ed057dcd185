"""Dumps of routes that are not local; they show what a fix would remove along with an address."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lowatch.core.addresses import Prefix
from lowatch.core.known import Known, Unknown
from lowatch.core.limits.kernel import ROUTES_LISTED
from lowatch.core.surroundings import Route
from lowatch.wire.netlink import MalformedMessageError
from lowatch.wire.netlink_reader import decode_route
from lowatch.wire.rtnetlink import (
    AF_INET,
    AF_INET6,
    RTM_NEWROUTE,
    RTN_LOCAL,
    RouteMessage,
    dump_routes,
)

from .conversions import (
    ROUTE_KINDS,
    as_route,
)
from .request_socket import NETLINK_ROUTE, NetlinkError, RequestSocket

NONLOCAL_TYPES = tuple(kind for kind in ROUTE_KINDS if kind != RTN_LOCAL)


class NonlocalRoutes:
    """Dumps over a socket of its own, because a dump that is too long is aborted by closing the socket."""

    def __init__(self) -> None:
        self._socket = RequestSocket(NETLINK_ROUTE)

    def close(self) -> None:
        self._socket.close()

    def prefixes(self, table: int, *, v4: bool) -> Known[frozenset[Prefix]] | Unknown:
        """The prefixes of one table's routes."""
        try:
            family = AF_INET if v4 else AF_INET6
            return Known(frozenset(route.prefix for route in self._dump(family, table)))
        except (NetlinkError, MalformedMessageError) as error:
            return _unknown(error)

    def all(self, name_of: Callable[[int], str]) -> Known[tuple[Route, ...]] | Unknown:
        """Every unicast, blackhole, unreachable, prohibit and throw route of all tables."""
        try:
            return Known(
                tuple(
                    as_route(message, name_of)
                    for family in (AF_INET, AF_INET6)
                    for message in self._dump(family)
                )
            )
        except (NetlinkError, MalformedMessageError) as error:
            return _unknown(error)

    def _dump(self, family: int, table: int = 0) -> Iterator[RouteMessage]:
        """The routes of one family. table: 0 for all tables. Raises NetlinkError, MalformedMessageError."""
        for kind in NONLOCAL_TYPES:
            datagrams = self._socket.dump(dump_routes(0, family, kind, table), ROUTES_LISTED)
            for datagram in datagrams:
                if datagram.interrupted:
                    raise NetlinkError("they kept changing")
                for span in datagram.spans:
                    if span.type != RTM_NEWROUTE:
                        continue
                    route = decode_route(datagram.data, span.start, span.end)
                    if route is not None and route.shape.type == kind:  # Linux < 4.20 sends all types
                        yield route


def _unknown(error: Exception) -> Unknown:
    return Unknown("netlink", f"cannot list routes: {error}")
