"""What only `lowatch explain` asks the kernel: tables and rules, neighbours, and where a redirect leads.

Nothing here needs a privilege. Reading the rules of nftables does; so a connect is made, and the socket
that took it is looked for among this host's. Sources: docs/internals/kernel.md (Explaining).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import closing

from lowatch.core.addresses import Address, Port, Prefix, destination, format_address, is_v4, unmapped
from lowatch.core.explanation import Neighbour, Redirect, RouteAnswer
from lowatch.core.known import Unknown
from lowatch.core.listeners import Endpoint
from lowatch.wire.fib_rules import dump_rules, parse_lookup
from lowatch.wire.inet_diag import SOCK_DIAG_BY_FAMILY, SocketMessage, dump_bound, peer_of
from lowatch.wire.neighbours import RTM_NEWNEIGH, dump_neighbours, parse_neighbour
from lowatch.wire.netlink import MalformedMessageError
from lowatch.wire.netlink_reader import decode_route, decode_socket
from lowatch.wire.rtnetlink import (
    AF_INET,
    AF_INET6,
    RT_TABLE_LOCAL,
    RT_TABLE_MAIN,
    RTM_NEWROUTE,
    RTM_NEWRULE,
    RouteMessage,
    dump_local_routes,
    get_route_with_table,
)

from .request_socket import NETLINK_ROUTE, NETLINK_SOCK_DIAG, NetlinkError, RequestSocket
from .routing import read_route

_MERGED = (RT_TABLE_MAIN, RT_TABLE_LOCAL)
_PATIENCE = 2.0
"""Seconds for a connect that was accepted before."""


class Survey:
    """Implements app.survey.Survey."""

    def __init__(self, name_of: Callable[[int], str | None]) -> None:
        """name_of: the name of an interface."""
        self._name_of = name_of

    def routed(self, address: Address, route: RouteAnswer) -> RouteAnswer:
        """The same with its table and rules, as far as the kernel says them."""
        family = AF_INET if is_v4(destination(address)) else AF_INET6
        with (
            closing(RequestSocket(NETLINK_ROUTE)) as sock,
            contextlib.suppress(NetlinkError, MalformedMessageError),
        ):
            found = read_route(0, sock.ask([(get_route_with_table(0, destination(address)), 1)])[0])
            if isinstance(found, RouteMessage):
                table = self._table(sock, family, found, local=route.local)
                rules = (
                    parse_lookup(data, span.start, span.end)
                    for data, spans, _ in sock.dump(dump_rules(0, family))
                    for span in spans
                    if span.type == RTM_NEWRULE
                )
                priorities = tuple(one.priority for one in rules if one is not None and one.table == table)
                return route._replace(table=table, rules=priorities)
        return route

    def _table(self, sock: RequestSocket, family: int, found: RouteMessage, *, local: bool) -> int:
        """IPv4's tables local and main are one until there are policy rules; a dump knows them apart."""
        if not local or found.shape.table not in _MERGED:
            return found.shape.table
        tables = {
            one.shape.table
            for data, spans, _ in sock.dump(dump_local_routes(0, family))
            for span in spans
            if span.type == RTM_NEWROUTE
            for one in [decode_route(data, span.start, span.end)]
            if one is not None and one.prefix == Prefix(found.destination, found.shape.length)
        }
        return tables.pop() if len(tables) == 1 else found.shape.table

    def neighbours(self, address: Address) -> tuple[Neighbour, ...] | Unknown:
        """Whom this host has heard of at an address."""
        family = AF_INET if is_v4(address) else AF_INET6
        try:
            with closing(RequestSocket(NETLINK_ROUTE)) as sock:
                every = [
                    parse_neighbour(data, span.start, span.end)
                    for data, spans, _ in sock.dump(dump_neighbours(0, family))
                    for span in spans
                    if span.type == RTM_NEWNEIGH
                ]
        except (NetlinkError, MalformedMessageError) as error:
            return Unknown("netlink", f"cannot list neighbours: {error}")
        return tuple(
            Neighbour(
                self._name_of(one.ifindex) or f"if{one.ifindex}", one.link_address.hex(":"), one.state
            )
            for one in every
            if one is not None and one.address == address
        )

    async def redirect(self, endpoint: Endpoint) -> Redirect | Unknown:
        """Connect, and find the socket that took it."""
        family = socket.AF_INET if is_v4(endpoint.address) else socket.AF_INET6
        with socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as client:
            target = format_address(endpoint.address), endpoint.port.number
            try:
                async with asyncio.timeout(_PATIENCE):
                    await asyncio.get_running_loop().sock_connect(client, target)
                takers = list(_takers(client))
            except (OSError, NetlinkError, MalformedMessageError) as error:
                number = error.errno if isinstance(error, OSError) else None
                return Unknown("connect", os.strerror(number) if number else str(error) or "no answer")
        if not takers:
            return Redirect("NAT or IPVS leads it to another host")
        took = Endpoint(unmapped(takers[0].address), Port(takers[0].port, "tcp"))
        if took == endpoint:
            return Redirect("TPROXY leads it to a socket on another address or port of this host")
        return Redirect("NAT (DNAT or REDIRECT) leads it", took)


def _takers(client: socket.socket) -> Iterator[SocketMessage]:
    """The sockets of this host whose peer is this client. Raises OSError, NetlinkError."""
    host, port = client.getsockname()[:2]
    with closing(RequestSocket(NETLINK_SOCK_DIAG)) as sock:
        for family in (AF_INET, AF_INET6):
            for data, spans, _ in sock.dump(dump_bound(0, family, "tcp")):
                for span in spans:
                    if span.type != SOCK_DIAG_BY_FAMILY:
                        continue
                    one = decode_socket(data, span.start, span.end)
                    if one.peer_port == port and host == format_address(
                        unmapped(peer_of(data, span.start, span.end))
                    ):
                        yield one
