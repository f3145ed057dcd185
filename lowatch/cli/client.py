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

from .arguments import Parser, add_netns
from .environment import Environment
from .exit_codes import USAGE, CommandError

NOT_RUNNING = 3
"""Exit code: no daemon runs, or none that answers. The same as "not running" of systemctl and LSB."""

DEFAULT_SOCKET = Path("/run/lowatch/lowatch.sock")
_OF_NETNS = "ask the daemon for this network namespace, lowatch@NAME.service"
_CHUNK = 64 * 1024
# struct timeval: of two longs, or of 64 bits each where SO_SNDTIMEO is SO_SNDTIMEO_NEW (socket(7)).
_TIMEVAL = struct.Struct("ll" if socket.SO_SNDTIMEO == 21 else "qq")
_LONGEST = 86400.0


class NotRunning(CommandError):  # noqa: N818  # as CommandError, it is no error of ours
    """No daemon runs."""


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


def add_daemons_netns(parser: Parser) -> None:
    """--netns, for a command that only asks a daemon."""
    add_netns(parser, _OF_NETNS)


def seconds(text: str) -> float:
    """Parses seconds. Raises ValueError, which argparse reports as "invalid seconds value"."""
    value = float(text)
    if not 0 < value <= _LONGEST:  # a NaN is neither
        raise ValueError(text)
    return value


def ask(
    arguments: argparse.Namespace,
    environment: Environment,
    method: str,
    target: str,
    *,
    compressed: bool = False,
) -> DaemonResponse:
    """The daemon's response, of any status. Raises CommandError(NOT_RUNNING) if there is none.

    compressed: ask for a long response gzipped, which takes less of the daemon's memory.
    """
    netns = getattr(arguments, "netns", None)
    path = arguments.socket or _default_socket(netns, environment)
    try:
        return _exchange(path, method, target, arguments.timeout, compressed=compressed)
    except FileNotFoundError:
        why = f"there is no {path}{_unless_there(netns)}"
        raise NotRunning(NOT_RUNNING, [f"lowatch: not running: {why}"]) from None
    except ConnectionRefusedError:
        stale = f"{path} is stale, left by a daemon that was killed"
        raise NotRunning(NOT_RUNNING, [f"lowatch: not running: {stale}"]) from None
    except PermissionError:
        why = f"{path}: permission denied: {_who_may(path)}"
    except (TimeoutError, BlockingIOError):
        why = f"{path}: no answer within {arguments.timeout:g} s: the daemon is stuck or very busy"
    except (ConnectionError, h11.RemoteProtocolError):
        why = f"{path}: connection closed without an answer: the daemon stopped, or is not lowatch"
    except OSError as error:
        why = f"{path}: {error.strerror or error}"
    raise CommandError(NOT_RUNNING, [f"lowatch: {why}"])


def _unless_there(netns: str | None) -> str:
    """That the network namespace does not exist; "" if it does."""
    if not netns:
        return ""
    from lowatch.core.netns import netns_path  # noqa: PLC0415  # only for --netns

    path = netns_path(netns)
    return "" if Path(path).exists() else f", and no network namespace {path}"


def _default_socket(netns: str | None, environment: Environment) -> Path:
    """The daemon's default socket. systemd sets $RUNTIME_DIRECTORY for ExecReload= too."""
    if netns:
        if "/" in netns:
            why = f"{netns} is no name of ip-netns(8), as lowatch@NAME.service has: give --socket"
            raise CommandError(USAGE, [f"lowatch: {why}"])
        from lowatch.core.netns import daemon_of  # noqa: PLC0415  # only for --netns

        return Path("/run", daemon_of(netns), DEFAULT_SOCKET.name)
    first = (environment.getenv("RUNTIME_DIRECTORY") or "").split(":")[0]
    return Path(first) / DEFAULT_SOCKET.name if first else DEFAULT_SOCKET


def _exchange(path: Path, method: str, target: str, timeout: float, *, compressed: bool) -> DaemonResponse:
    """Raises OSError, TimeoutError or BlockingIOError among them, and h11.RemoteProtocolError."""
    deadline = time.monotonic() + timeout
    http = h11.Connection(h11.CLIENT)
    headers = [
        ("Host", "lowatch"),
        ("Connection", "close"),
        *([("Accept-Encoding", "gzip")] if compressed else []),
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
        status, is_gzip = 0, False
        body = bytearray()
        while not isinstance(event := http.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                peer.settimeout(_left(deadline))
                http.receive_data(peer.recv(_CHUNK))
            elif isinstance(event, h11.Response):
                status = event.status_code
                is_gzip = (b"content-encoding", b"gzip") in event.headers
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.ConnectionClosed):
                raise ConnectionResetError
    content = _unpacked(bytes(body)) if is_gzip else body
    return DaemonResponse(status, content.decode("utf-8", "replace"))


def _unpacked(body: bytes) -> bytes:
    """Raises ConnectionError if it is not whole."""
    import gzip  # noqa: PLC0415  # for a snapshot only
    import zlib  # noqa: PLC0415

    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error):
        raise ConnectionResetError from None


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
