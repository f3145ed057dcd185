"""Real sockets of every kind that may or may not serve a VIP."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import ip_address
from typing import Self

import pytest

# <linux/in.h>, <linux/in6.h>, <linux/tcp.h>; not all of them are in the socket module of 3.11.
IPPROTO_MPTCP = 262
IP_FREEBIND = 15
IP_TRANSPARENT = 19
IPV6_FREEBIND = 78
IPV6_TRANSPARENT = 75

# struct tcp_info: 8 octets of state, 4 words, then tcpi_unacked and tcpi_sacked, which on a
# listening socket are the length of its accept queue and the limit of it.
_TCP_INFO_QUEUE = struct.Struct("=24xII")


class Sockets:
    """Makes sockets in the caller's network namespace, and closes all of them at the end."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def bound(
        self,
        address: str,
        port: int,
        *,
        kind: socket.SocketKind = socket.SOCK_STREAM,
        v6only: bool | None = None,
        reuseport: bool = False,
        device: str | None = None,
        mptcp: bool = False,
        freebind: bool = False,
        transparent: bool = False,
    ) -> socket.socket:
        """A socket bound to address:port (0: the kernel picks), not listening.

        v6only: None leaves what net.ipv6.bindv6only says. device: SO_BINDTODEVICE.
        """
        family = _family(address)
        made = self._keep(socket.socket(family, kind, IPPROTO_MPTCP if mptcp else 0))
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuseport:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if v6only is not None:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
        if device is not None:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        v6 = family == socket.AF_INET6
        level = socket.IPPROTO_IPV6 if v6 else socket.IPPROTO_IP
        if freebind:
            made.setsockopt(level, IPV6_FREEBIND if v6 else IP_FREEBIND, 1)
        if transparent:
            made.setsockopt(level, IPV6_TRANSPARENT if v6 else IP_TRANSPARENT, 1)
        made.bind((address, port))
        return made

    def listener(
        self, address: str, port: int, *, backlog: int = 16, **options: bool | str | None
    ) -> socket.socket:
        """A listening TCP socket; options as for `bound`. Nobody accepts: the kernel does."""
        made = self.bound(address, port, **options)  # type: ignore[arg-type]
        made.listen(backlog)
        return made

    def full_listener(
        self, address: str, port: int, *, backlog: int = 1, **options: bool | str | None
    ) -> socket.socket:
        """A listener whose accept queue is full: a further connect() would time out."""
        made = self.listener(address, port, backlog=backlog, **options)
        self.fill(made)
        return made

    def udp(self, address: str, port: int, **options: bool | str | None) -> socket.socket:
        """An unconnected UDP socket; options as for `bound`, `mptcp` excepted."""
        return self.bound(address, port, kind=socket.SOCK_DGRAM, **options)  # type: ignore[arg-type]

    def fill(self, listener: socket.socket) -> None:
        """Connect and never accept, until more wait than the backlog allows (rqueue > wqueue)."""
        while not _accept_queue_full(listener):
            self.connect(*_reachable(listener))

    def connect(self, address: str, port: int, timeout: float = 5.0) -> socket.socket:
        """A TCP connection to address:port. Raises OSError as connect(2) does."""
        client = self._keep(socket.socket(_family(address), socket.SOCK_STREAM))
        client.settimeout(timeout)
        client.connect((address, port))
        return client

    def close(self, made: socket.socket) -> None:
        """Close one early. (At once, and not half-closed: peers of a listener get a reset.)"""
        made.close()

    def _keep(self, made: socket.socket) -> socket.socket:
        self._stack.callback(made.close)
        return made


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _reachable(listener: socket.socket) -> tuple[str, int]:
    """Where a local client reaches this listener: its address, or loopback for a wildcard."""
    address, port = listener.getsockname()[:2]
    if ip_address(address).is_unspecified:
        address = "::1" if ":" in address else "127.0.0.1"
    return address, port


def _accept_queue_full(listener: socket.socket) -> bool:
    info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_QUEUE.size)
    queued, limit = _TCP_INFO_QUEUE.unpack(info)
    return bool(queued > limit)


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    """Sockets in whatever namespace the test is in (`netns` has its own set)."""
    with Sockets() as made:
        yield made
