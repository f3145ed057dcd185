"""Sockets that systemd opened for the web pages, and passed on (sd_listen_fds(3))."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from .http_listen import ListenError

_log = logging.getLogger(__name__)

_FIRST = 3
WEB = "web"
"""FileDescriptorName= in lowatch.socket."""
_UNNAMED = ("", "unknown", "lowatch.socket")
"""What systemd calls a socket whose unit gives it no name: all that such a unit can be for is the web."""


@contextmanager
def passed_on(environ: Mapping[str, str]) -> Iterator[list[socket.socket]]:
    """Non-blocking, listening, and closed at the end. Empty where none was passed. Raises ListenError."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(_adopt(descriptor, name))
            for descriptor, name in _descriptors(environ)
            if _is_web(descriptor, name)
        ]


def _descriptors(environ: Mapping[str, str]) -> list[tuple[int, str]]:
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return []  # they were meant for our parent
    text = environ.get("LISTEN_FDS", "")
    count = int(text) if text.isascii() and text.isdigit() else 0
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    names += [""] * (count - len(names))
    return list(zip(range(_FIRST, _FIRST + count), names, strict=False))


def _is_web(descriptor: int, name: str) -> bool:
    if name == WEB or name in _UNNAMED:
        return True
    _log.warning("the socket %r passed by systemd is not for lowatch, ignoring", name)
    os.close(descriptor)
    return False


def _adopt(descriptor: int, name: str) -> socket.socket:
    try:
        found = socket.socket(fileno=descriptor)
    except OSError as error:
        raise ListenError(f"web: descriptor {descriptor} passed by systemd: {error.strerror}") from error
    if found.type != socket.SOCK_STREAM or not found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        found.close()
        raise ListenError(f"web: the socket {name!r} passed by systemd is no listening stream socket")
    found.setblocking(False)
    found.set_inheritable(False)
    return found
