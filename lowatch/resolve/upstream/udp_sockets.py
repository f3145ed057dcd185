"""Connected UDP sockets to one nameserver: the current one, and older ones that still expect replies."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Protocol

from lowatch.config.settings import Nameserver

QUERIES_PER_PORT = 32
"""Queries after which the source port changes, unless the server is on this host: a forger has to guess it
again."""


def socket_address(server: Nameserver) -> tuple[int, tuple[object, ...]]:
    """Family and address for connect(). Raises OSError if the scope names no interface."""
    host, _, scope = server.host.partition("%")
    if ipaddress.ip_address(host).version == 4:
        return socket.AF_INET, (host, server.port)
    if not scope:
        return socket.AF_INET6, (host, server.port)
    index = int(scope) if scope.isdigit() else socket.if_nametoindex(scope)
    return socket.AF_INET6, (host, server.port, 0, index)


def is_on_this_host(server: Nameserver) -> bool:
    """Whether only processes on this host could forge its replies."""
    return ipaddress.ip_address(server.host.partition("%")[0]).is_loopback


class SocketOwner(Protocol):
    """Sends and receives on the sockets."""

    def on_readable(self, sock: socket.socket) -> None:
        """A datagram or an ICMP error has arrived on the socket."""

    def sockets_in_use(self) -> set[socket.socket]:
        """The sockets on which replies are still expected; older ones not among them are closed."""


class UdpSockets:
    """The sockets of one UdpChannel, which is their owner."""

    def __init__(self, server: Nameserver, owner: SocketOwner) -> None:
        self._server = server
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._keeps_port = is_on_this_host(server)
        self._current: socket.socket | None = None
        self._left = 0  # queries that may still be sent on the current one
        self._older: list[socket.socket] = []

    def take(self, count: int) -> tuple[socket.socket, int]:
        """A socket, and how many of `count` queries may be sent on it. Raises OSError."""
        if self._current is None or not self._left:
            self.renew()
            self._current = self._open()
            self._left = QUERIES_PER_PORT
        if self._keeps_port:
            return self._current, count
        count = min(count, self._left)
        self._left -= count
        return self._current, count

    def renew(self) -> None:
        """Let the next query use a new socket, with a new source port, address and route."""
        if self._current is not None:
            self._older.append(self._current)
            self._current = None
        self._left = 0
        if self._older:
            in_use = self._owner.sockets_in_use()
            for sock in [sock for sock in self._older if sock not in in_use]:
                self._older.remove(sock)
                self._close(sock)

    def close(self) -> None:
        for sock in (*self._older, *([self._current] if self._current else ())):
            self._close(sock)
        self._older.clear()
        self._current = None

    def _open(self) -> socket.socket:
        family, address = socket_address(self._server)
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            sock.connect(address)
        except OSError:
            sock.close()
            raise
        self._loop.add_reader(sock, self._owner.on_readable, sock)
        return sock

    def _close(self, sock: socket.socket) -> None:
        self._loop.remove_reader(sock)
        sock.close()
