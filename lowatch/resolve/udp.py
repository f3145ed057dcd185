"""Connected UDP sockets towards one nameserver: one in use, older ones until their replies came."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable

from lowatch.config.schema import Nameserver

QUERIES_PER_PORT = 32
"""After so many the source port changes, for servers off the host: a forger must guess it anew."""

_DATAGRAM = 4096  # more than EDNS 1232 offers, to see it where a server sends more all the same
_DATAGRAMS_AT_ONCE = 128  # then the loop's other readers have their turn


def socket_address(server: Nameserver) -> tuple[int, tuple[object, ...]]:
    """Family and address for connect(). Raises OSError where the scope names no interface."""
    host, _, scope = server.host.partition("%")
    if ipaddress.ip_address(host).version == 4:
        return socket.AF_INET, (host, server.port)
    if not scope:
        return socket.AF_INET6, (host, server.port)
    index = int(scope) if scope.isdigit() else socket.if_nametoindex(scope)
    return socket.AF_INET6, (host, server.port, 0, index)


class UdpSockets:
    """on_datagram(socket, message, now) for all that arrives; on_error(error) for an ICMP refusal."""

    def __init__(
        self,
        server: Nameserver,
        now: Callable[[], float],
        on_datagram: Callable[[socket.socket, bytes, float], None],
        on_error: Callable[[OSError], None],
    ) -> None:
        self._server = server
        self._now = now
        self._on_datagram = on_datagram
        self._on_error = on_error
        self._loop = asyncio.get_running_loop()
        self._keeps_port = ipaddress.ip_address(server.host.partition("%")[0]).is_loopback
        self._current: socket.socket | None = None
        self._sent = 0  # by the current one
        self._awaiting: dict[socket.socket, int] = {}  # replies, per open socket

    def take(self) -> socket.socket:
        """The socket for one more query, to be given back by `release`. Raises OSError."""
        if self._sent >= QUERIES_PER_PORT and not self._keeps_port:
            self.renew()
        if self._current is None:
            self._current = self._open()
            self._sent = 0
        self._sent += 1
        self._awaiting[self._current] += 1
        return self._current

    def release(self, sock: socket.socket) -> None:
        """A query sent through it was answered, or given up."""
        if sock in self._awaiting:
            self._awaiting[sock] -= 1
            self._close_if_done_with(sock)

    def renew(self) -> None:
        """Send the next query by a socket of its own: a new source port, address and route."""
        sock, self._current = self._current, None
        if sock is not None:
            self._close_if_done_with(sock)

    def close(self) -> None:
        self._current = None
        for sock in tuple(self._awaiting):
            self._close(sock)

    def _open(self) -> socket.socket:
        family, address = socket_address(self._server)
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            sock.connect(address)
        except OSError:
            sock.close()
            raise
        self._loop.add_reader(sock, self._drain, sock)
        self._awaiting[sock] = 0
        return sock

    def _close_if_done_with(self, sock: socket.socket) -> None:
        if sock is not self._current and not self._awaiting[sock]:
            self._close(sock)

    def _close(self, sock: socket.socket) -> None:
        del self._awaiting[sock]
        self._loop.remove_reader(sock)
        sock.close()

    def _drain(self, sock: socket.socket) -> None:
        now = self._now()
        for _ in range(_DATAGRAMS_AT_ONCE):
            if sock not in self._awaiting:  # what the last datagram said ended its use
                return
            try:
                message = sock.recv(_DATAGRAM)
            except BlockingIOError:
                return
            except OSError as error:
                self._on_error(error)
                return
            self._on_datagram(sock, message, now)
