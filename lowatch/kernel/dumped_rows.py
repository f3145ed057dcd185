"""The rows of a dump: links, addresses, local routes and sockets. All raise MalformedMessageError."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from lowatch.wire.inet_diag import SOCK_DIAG_BY_FAMILY, SocketMessage
from lowatch.wire.links import LinkMessage
from lowatch.wire.netlink_reader import decode_address, decode_link, decode_route, decode_socket
from lowatch.wire.rtnetlink import (
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTM_NEWROUTE,
    RTN_LOCAL,
    AddressMessage,
    RouteMessage,
)

from .request_socket import Datagram

Row = TypeVar("Row")


def _rows(
    dumps: Iterable[Datagram], wanted: int, decode: Callable[[bytes, int, int], Row | None]
) -> Iterator[Row]:
    """Those of one message type, without those that decode() leaves out."""
    for datagram in dumps:
        data = datagram.data
        for kind, _, _, start, end in datagram.spans:
            if kind == wanted:
                row = decode(data, start, end)
                if row is not None:
                    yield row


def links_in(dumps: Iterable[Datagram]) -> Iterator[LinkMessage]:
    return _rows(dumps, RTM_NEWLINK, decode_link)


def addresses_in(dumps: Iterable[Datagram]) -> Iterator[AddressMessage]:
    return _rows(dumps, RTM_NEWADDR, decode_address)


def local_routes_in(dumps: Iterable[Datagram]) -> Iterator[RouteMessage]:
    return (row for row in _rows(dumps, RTM_NEWROUTE, decode_route) if row.shape.type == RTN_LOCAL)


def sockets_in(dumps: Iterable[Datagram]) -> Iterator[SocketMessage]:
    return _rows(dumps, SOCK_DIAG_BY_FAMILY, decode_socket)
