"""The control socket, over which `lowatch status` and `lowatch reload` ask the daemon.

It speaks HTTP/1.1, but has its own server, so that clients of the web server and of the socket do not
compete for connections. The socket's mode decides who may reload; there is no other check.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import socket
import stat
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from lowatch.core.limits.http import CONTROL_CONNECTIONS, CONTROL_REQUESTS

from .connection import ClientLimits, CountedLimits
from .content import Encodings
from .message import Routes
from .routes import STATUS_PATH
from .server import HttpServer

_log = logging.getLogger(__name__)

SOCKET_NAME = "lowatch.sock"
MODE = 0o660
LOCK_NAME = "lowatch.lock"
_LOCK_MODE = 0o600
CONTROL_LIMITS = ClientLimits(
    connections=CONTROL_CONNECTIONS.value,
    requests=CONTROL_REQUESTS.value,
    counted=CountedLimits(CONTROL_CONNECTIONS, CONTROL_REQUESTS),
)
_BACKLOG = 128


class ControlError(Exception):
    """The message is one line: "control socket .../lowatch.sock: another lowatch (pid 4711) serves it"."""


def control_server(
    routes: Routes, encodings: Encodings | None = None, limits: ClientLimits = CONTROL_LIMITS
) -> HttpServer:
    """The server of the control socket. It answers status requests even while reloads use all places."""
    return HttpServer(routes, limits, probes={STATUS_PATH}, encodings=encodings, name="control socket")


@contextmanager
def control_listening(directory: Path | None) -> Iterator[list[socket.socket]]:
    """A context with the listening, non-blocking socket in `directory`; no socket without a directory.

    A socket left by a killed daemon is replaced. Raises ControlError, also if another daemon serves it.
    """
    if directory is None:
        yield []
        return
    path = directory / SOCKET_NAME
    with ExitStack() as stack:
        try:
            _claim(directory, stack)
            listener = _listen(path, stack)
        except BlockingIOError:
            raise ControlError(f"control socket {path}: another lowatch{_pid(path)} is using it") from None
        except OSError as error:
            raise ControlError(f"control socket {path}: {error.strerror or error}") from error
        yield [listener]


def _claim(directory: Path, stack: ExitStack) -> None:
    """Lock the directory against other daemons. Raises BlockingIOError if another one holds the lock.

    The kernel releases the lock when the process ends, even by SIGKILL. So an existing socket is certainly
    stale, and only one of two daemons that start at once wins. Connecting to the socket would prove
    neither.

    Everyone who may read a file or directory can lock it with flock(2). So the lock is on a file that only
    we can open, in a directory where only we can create files. The file is never removed: otherwise two
    daemons could lock two files of the same name.
    """
    held = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    stack.callback(os.close, held)
    _refuse_others(os.fstat(held), "its directory", stat.S_IWOTH)
    # O_NONBLOCK: opening a FIFO would block.
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    lock = os.open(LOCK_NAME, flags, _LOCK_MODE, dir_fd=held)
    stack.callback(os.close, lock)
    status = os.fstat(lock)
    if not stat.S_ISREG(status.st_mode):
        raise FileExistsError(errno.EEXIST, f"{LOCK_NAME} beside it is not a regular file")
    _refuse_others(status, f"{LOCK_NAME} beside it", 0o077)
    os.fchmod(lock, _LOCK_MODE)  # the umask may have removed even our own rights
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _refuse_others(status: os.stat_result, what: str, rights: int) -> None:
    """Raises PermissionError if another user (except root) owns the file, or has one of the rights."""
    if status.st_uid not in (os.geteuid(), 0):
        raise PermissionError(errno.EPERM, f"{what} belongs to uid {status.st_uid}, not to {os.geteuid()}")
    if status.st_mode & rights:
        mode = stat.S_IMODE(status.st_mode)
        raise PermissionError(errno.EPERM, f"{what} is open to other users (mode {mode:04o})")


def _listen(path: Path, stack: ExitStack) -> socket.socket:
    """The listening socket. Its file never has a laxer mode than MODE, and nobody can connect earlier."""
    _remove_stale(path)
    listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))
    os.fchmod(listener.fileno(), MODE)  # bind() applies it to the file, less the umask
    listener.bind(str(path))
    stack.callback(_remove, path)
    path.chmod(MODE)  # the unit's umask is 0077
    listener.listen(_BACKLOG)
    return listener


def _remove_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(errno.EEXIST, "something other than a socket is there")
    _log.info("control socket %s: left by a daemon that was killed, replacing it", path)
    path.unlink()


def _remove(path: Path) -> None:
    with suppress(OSError):  # systemd may have removed the directory
        path.unlink()


def _pid(path: Path) -> str:
    """For example " (pid 4711)"; "" if unknown.

    SO_PEERCRED has the process that called listen() (unix(7)).
    """
    credentials = struct.Struct("iII")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as peer:
        try:
            peer.connect(str(path))
            packed = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, credentials.size)
        except OSError:
            return ""
    pid, _uid, _gid = credentials.unpack(packed)
    return f" (pid {pid})" if pid else ""  # 0: a process in another PID namespace
