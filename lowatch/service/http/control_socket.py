"""The control socket: `lowatch status` and `lowatch reload` ask the daemon over it, as curl could.

It speaks HTTP/1.1 like the web server, but has a server of its own: clients of the one take no place
from clients of the other. Whoever the socket's mode lets in may reload; there is no other gate.
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

from lowatch.core.limits import CONTROL_CONNECTIONS, CONTROL_REQUESTS

from .connection import Limits, Met
from .content import Encodings
from .message import Routes
from .routes import STATUS_PATH
from .server import HttpServer

_log = logging.getLogger(__name__)

SOCKET_NAME = "lowatch.sock"
MODE = 0o660
LOCK_NAME = "lowatch.lock"
_LOCK_MODE = 0o600
LIMITS = Limits(
    connections=CONTROL_CONNECTIONS.value,
    requests=CONTROL_REQUESTS.value,
    met=Met(CONTROL_CONNECTIONS, CONTROL_REQUESTS),
)
_BACKLOG = 128


class ControlError(Exception):
    """One line: "control socket /run/lowatch/lowatch.sock: another lowatch (pid 4711) serves it"."""


def control_server(
    routes: Routes, encodings: Encodings | None = None, limits: Limits = LIMITS
) -> HttpServer:
    """What serves the control socket. The status is told even while reloads have every place."""
    return HttpServer(routes, limits, probes={STATUS_PATH}, encodings=encodings, name="control socket")


@contextmanager
def control_listening(directory: Path | None) -> Iterator[list[socket.socket]]:
    """The socket in `directory`, non-blocking and listening; gone at the end. None without a directory.

    One that a killed daemon left is replaced. Raises ControlError, also where another daemon has it.
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
            raise ControlError(f"control socket {path}: another lowatch{_pid(path)} serves it") from None
        except OSError as error:
            raise ControlError(f"control socket {path}: {error.strerror or error}") from error
        yield [listener]


def _claim(directory: Path, stack: ExitStack) -> None:
    """Nobody else may claim it until the end, be it by SIGKILL: the kernel keeps the lock, and ends it.

    So what lies there is stale for certain, and of two daemons that start at once one gives way: to
    try whether somebody answers would tell neither. Raises BlockingIOError where another has it.

    flock(2) asks for no more than an open descriptor, and whoever may read a file, or a directory, can
    get one. So the lock is on a file that nobody but us can open, in a directory that nobody but us can
    put one into. The file stays: to remove it would let two daemons lock two files of one name.
    """
    held = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    stack.callback(os.close, held)
    _refuse_others(os.fstat(held), "its directory", stat.S_IWOTH)
    # O_NONBLOCK: a FIFO would be waited for.
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    lock = os.open(LOCK_NAME, flags, _LOCK_MODE, dir_fd=held)
    stack.callback(os.close, lock)
    status = os.fstat(lock)
    if not stat.S_ISREG(status.st_mode):
        raise FileExistsError(errno.EEXIST, f"{LOCK_NAME} beside it is not a regular file")
    _refuse_others(status, f"{LOCK_NAME} beside it", 0o077)
    os.fchmod(lock, _LOCK_MODE)  # the umask may have taken even our own rights away
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _refuse_others(status: os.stat_result, what: str, rights: int) -> None:
    """Raises PermissionError where somebody else, root aside, owns it, or has one of these rights."""
    if status.st_uid not in (os.geteuid(), 0):
        raise PermissionError(errno.EPERM, f"{what} belongs to uid {status.st_uid}, not to {os.geteuid()}")
    if status.st_mode & rights:
        mode = stat.S_IMODE(status.st_mode)
        raise PermissionError(errno.EPERM, f"{what} is open to other users (mode {mode:04o})")


def _listen(path: Path, stack: ExitStack) -> socket.socket:
    """The file never has a laxer mode than MODE, and nobody can connect before it has that one."""
    _remove_stale(path)
    listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))
    os.fchmod(listener.fileno(), MODE)  # bind() gives it to the file, less the umask
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
        raise FileExistsError(errno.EEXIST, "something is there that is no socket")
    _log.info("control socket %s: left by a daemon that was killed, replacing it", path)
    path.unlink()


def _remove(path: Path) -> None:
    with suppress(OSError):  # systemd, or whoever, may have removed the directory
        path.unlink()


def _pid(path: Path) -> str:
    """As in " (pid 4711)"; "" where it cannot be known. unix(7), SO_PEERCRED: who called listen()."""
    credentials = struct.Struct("iII")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as peer:
        try:
            peer.connect(str(path))
            told = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, credentials.size)
        except OSError:
            return ""
    pid, _uid, _gid = credentials.unpack(told)
    return f" (pid {pid})" if pid else ""  # 0: of another PID namespace
