"""Opens the web server's listening sockets, before anything else starts."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from lowatch.config.settings import Listen

_BACKLOG = 128
_SEND_BUFFER = 128 * 1024
"""Bytes, which the kernel doubles (socket(7)); connections inherit it. Without this, a client that does not
read takes up to 4 MiB of kernel memory (tcp_wmem), which counts towards MemoryMax=."""
_NO_SUCH_FAMILY = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


class ListenError(Exception):
    """The message is one line: "web: cannot listen on 127.0.0.1:10048: Address already in use"."""


@contextmanager
def listening(places: Sequence[Listen]) -> Iterator[list[socket.socket]]:
    """A context with listening, non-blocking sockets. Raises ListenError.

    A name is looked up at once, which may block: use addresses, or names in /etc/hosts.
    """
    with ExitStack() as stack:
        sockets = []
        for place in places:
            try:
                opened = _listen_on(place, stack)
            except OSError as error:
                reason = error.strerror or str(error)
                raise ListenError(f"web: cannot listen on {describe(place)}: {reason}") from error
            sockets += opened
        yield sockets


def describe(place: Listen) -> str:
    """The form that the configuration uses: 127.0.0.1:10048, [::1]:10048, :10048."""
    host = f"[{place.host}]" if ":" in place.host else place.host
    return f"{host}:{place.port}"


def bound_to(listener: socket.socket) -> str:
    """Where a socket listens: 127.0.0.1:10048, [::]:10048, /run/lowatch/web.sock."""
    address = listener.getsockname()
    return describe(Listen(*address[:2])) if isinstance(address, tuple) else str(address)


def _listen_on(place: Listen, stack: ExitStack) -> list[socket.socket]:
    """One socket for each address of the host. Raises OSError.

    For all addresses ("") one family is enough, because a host may lack IPv6 or IPv4.
    """
    found = socket.getaddrinfo(
        place.host or None, place.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    sockets = []
    missing: OSError | None = None
    for family, _type, _protocol, _name, address in dict.fromkeys(found):
        try:
            sockets.append(_bind(family, address, stack))
        except OSError as error:
            if place.host or error.errno not in _NO_SUCH_FAMILY:
                raise
            missing = error
    if missing is not None and not sockets:
        raise missing
    return sockets


def _bind(
    family: int,
    address: tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes],
    stack: ExitStack,
) -> socket.socket:
    listener = stack.enter_context(socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # IPv4 has its own socket
    listener.bind(address)
    set_up_connections(listener)
    listener.listen(_BACKLOG)
    return listener


def set_up_connections(listener: socket.socket) -> None:
    """Set the options that connections inherit: a small send buffer, and no delay."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    if listener.family != socket.AF_UNIX:
        # A response is written in pieces. Without TCP_NODELAY the second one waits for the client's delayed
        # acknowledgement of the first, 40 ms (RFC 896, RFC 1122 4.2.3.2). asyncio sets it only on sockets
        # that know their protocol, which accepted ones do not. On Linux they inherit it.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
