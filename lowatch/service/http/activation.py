"""What systemd passes to the daemon (sd_listen_fds(3)): sockets for the web server, and a trace."""

from __future__ import annotations

import logging
import os
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from .listen import ListenError, set_up_connections

_log = logging.getLogger(__name__)

_FIRST = 3
_NUMBER = re.compile("[0-9]{1,9}")
WEB = "web"
"""FileDescriptorName= in lowatch.socket."""
TRACE = "trace"
"""The name that OpenFile= of `lowatch setup trace` gives. It is no socket, and stays open."""
_UNNAMED = ("", "unknown", "lowatch.socket")
"""Names of a socket whose unit does not name it. Such a socket is for the web server too."""


@contextmanager
def passed_sockets(environ: Mapping[str, str]) -> Iterator[list[socket.socket]]:
    """A context with the passed sockets: listening, non-blocking, perhaps none. Raises ListenError."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(found)
            for descriptor, name in _descriptors(environ)
            if (found := _adopt(descriptor, name)) is not None
        ]


def passed_trace(environ: Mapping[str, str]) -> int | None:
    """The descriptor that is called a trace; None if there is none."""
    return next((descriptor for descriptor, name in _descriptors(environ) if name == TRACE), None)


def _descriptors(environ: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return  # they are for our parent process
    text = environ.get("LISTEN_FDS", "")
    if not _NUMBER.fullmatch(text):
        return
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    for index in range(int(text)):  # adopting one that does not exist raises, so a huge number is harmless
        yield _FIRST + index, names[index] if index < len(names) else ""


def _adopt(descriptor: int, name: str) -> socket.socket | None:
    """The socket; None if it is not for the web server. Raises ListenError."""
    try:
        if name == TRACE:
            os.set_inheritable(descriptor, False)
            return None
        if name != WEB and name not in _UNNAMED:
            os.close(descriptor)
            _log.warning("%r passed by systemd is not for lowatch, ignoring", name)
            return None
        found = socket.socket(fileno=descriptor)
    except OSError as error:
        raise ListenError(f"web: descriptor {descriptor} passed by systemd: {error.strerror}") from error
    if found.type != socket.SOCK_STREAM or not found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        found.close()
        raise ListenError(f"web: the socket {name!r} passed by systemd is not a listening stream socket")
    found.setblocking(False)
    found.set_inheritable(False)
    set_up_connections(found)
    return found
