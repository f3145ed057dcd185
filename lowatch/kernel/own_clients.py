"""lowatch's own connects, which are told from those of local clients by the cookies of their sockets."""

from __future__ import annotations

import socket

from lowatch.core.limits.kernel import OWN_CLIENTS

_SO_COOKIE = 57  # asm-generic/socket.h
COOKIE_LENGTH = 8


class OwnClients:
    """The sockets that connected last, until the kernel reports that they are gone."""

    def __init__(self) -> None:
        self._cookies: dict[bytes, None] = {}

    def add(self, client: socket.socket) -> None:
        """Call it before the socket is closed. Raises OSError."""
        if len(self._cookies) >= OWN_CLIENTS.value:
            OWN_CLIENTS.reached()
            del self._cookies[next(iter(self._cookies))]
        self._cookies[client.getsockopt(socket.SOL_SOCKET, _SO_COOKIE, COOKIE_LENGTH)] = None

    def take(self, cookie: bytes) -> bool:
        """Whether it was one of them. It is forgotten, because its event comes once."""
        return self._cookies.pop(cookie, 0) is None
