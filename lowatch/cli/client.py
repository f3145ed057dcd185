"""Sends one request to the running daemon over its control socket, or explains why there is no answer.

It has to work on an overloaded host, so it imports little, and never waits longer than its timeout.
"""

from __future__ import annotations

import argparse
import socket
import stat
import struct
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import h11

from .environment import Environment
from .exit_codes import CommandError

NOT_RUNNING = 3
"""Exit code: no daemon runs, or none that answers. The same as "not running" of systemctl and LSB."""

DEFAULT_SOCKET = Path("/run/lowatch/lowatch.sock")
_CHUNK = 64 * 1024
# struct timeval: of two longs, or of 64 bits each where SO_SNDTIMEO is SO_SNDTIMEO_NEW (socket(7)).
_TIMEVAL = struct.Struct("ll" if socket.SO_SNDTIMEO == 21 else "qq")
_LONGEST = 86400.0


class DaemonResponse(NamedTuple):
    status: int
    body: str


def add_socket(parser: argparse.ArgumentParser, *, timeout: float) -> None:
    """--socket and --timeout. timeout: its default."""
    parser.add_argument(
        "--socket",
        type=Path,
        metavar="PATH",
        help=f"the daemon's control socket; default: {DEFAULT_SOCKET.name} in $RUNTIME_DIRECTORY, "
        f"or else {DEFAULT_SOCKET}",
    )
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=timeout,
        metavar="SECONDS",
        help="how long to wait for the daemon; default: %(default)g",
    )


def seconds(text: str) -> float:
    """Parses seconds. Raises ValueError, which argparse reports as "invalid seconds value"."""
    value = float(text)
    if not 0 < value <= _LONGEST:  # a NaN is neither
        raise ValueError(text)
    return value


def ask(
    arguments: argparse.Namespace, environment: Environment, method: str, target: str
) -> DaemonResponse:
    """The daemon's response, of any status. Raises CommandError(NOT_RUNNING) if there is none."""
    path = arguments.socket or _default_socket(environment)
    try:
        return _exchange(path, method, target, arguments.timeout)
    except FileNotFoundError:
        why = f"not running: there is no {path}"
    except ConnectionRefusedError:
        why = f"not running: {path} is stale, left by a daemon that was killed"
    except PermissionError:
        why = f"{path}: permission denied: {_who_may(path)}"
    except (TimeoutError, BlockingIOError):
        why = f"{path}: no answer within {arguments.timeout:g} s: the daemon is stuck or very busy"
    except (ConnectionError, h11.RemoteProtocolError):
        why = f"{path}: connection closed without an answer: the daemon stopped, or is not lowatch"
    except OSError as error:
        why = f"{path}: {error.strerror or error}"
    raise CommandError(NOT_RUNNING, [f"lowatch: {why}"])


def _default_socket(environment: Environment) -> Path:
    """The daemon's default socket. systemd sets $RUNTIME_DIRECTORY for ExecReload= too."""
    first = (environment.getenv("RUNTIME_DIRECTORY") or "").split(":")[0]
    return Path(first) / DEFAULT_SOCKET.name if first else DEFAULT_SOCKET


def _exchange(path: Path, method: str, target: str, timeout: float) -> DaemonResponse:
    """Raises OSError, TimeoutError or BlockingIOError among them, and h11.RemoteProtocolError."""
    deadline = time.monotonic() + timeout
    http = h11.Connection(h11.CLIENT)
    headers = [
        ("Host", "lowatch"),
        ("Connection", "close"),
        *([("Content-Length", "0")] if method == "POST" else []),
    ]
    request = http.send(h11.Request(method=method, target=target, headers=headers)) or b""
    http.send(h11.EndOfMessage())
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        # With a timeout of Python's own connect() would not wait at all for a place in a full backlog.
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(timeout))
        peer.connect(str(path))
        peer.settimeout(_left(deadline))
        peer.sendall(request)
        status = 0
        body = bytearray()
        while not isinstance(event := http.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                peer.settimeout(_left(deadline))
                http.receive_data(peer.recv(_CHUNK))
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.ConnectionClosed):
                raise ConnectionResetError
    return DaemonResponse(status, body.decode("utf-8", "replace"))


def _timeval(timeout: float) -> bytes:
    whole = int(timeout)
    return _TIMEVAL.pack(whole, max(1, int((timeout - whole) * 1e6)))  # zero would be for ever


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _who_may(path: Path) -> str:
    """Who may use the socket, according to its mode or that of its directory, if visible."""
    for what, way_in in ((path, stat.S_IWGRP), (path.parent, stat.S_IXGRP)):
        with suppress(OSError):
            status = what.stat()
            if status.st_mode & way_in and (group := _group(status.st_gid)):
                allowed = f"only root and members of the group {group} may use it"
                return f"{allowed} (mode {stat.S_IMODE(status.st_mode):04o})"
    return "no permission for its directory (try as root)"


def _group(gid: int) -> str:
    """The name of a group; "" if it has none, so that nobody can join it."""
    import grp  # noqa: PLC0415  # it may ask the network, and is needed here only

    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return ""


def said(reply: DaemonResponse) -> Iterable[str]:
    """The lines of a response that is not 200, for people."""
    return reply.body.splitlines() or [f"status {reply.status}"]
