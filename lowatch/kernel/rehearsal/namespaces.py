"""A child process in network namespaces of its own, which end with it."""

from __future__ import annotations

import ctypes
import errno
import os
import select
import signal
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

# <linux/sched.h>, <linux/prctl.h>; os.unshare came with Python 3.12.
_CLONE_NEWUSER, _CLONE_NEWNET = 0x1000_0000, 0x4000_0000
_PR_SET_PDEATHSIG = 1
_CHUNK = 1 << 16
_REASONS = {
    errno.EPERM: "this user may make no network namespace",
    errno.EACCES: "this user may make no network namespace",
    errno.ENOSPC: "no more namespaces are allowed (user.max_net_namespaces, user.max_user_namespaces)",
    errno.EINVAL: "this kernel has no network namespaces for this user",
}

Say = Callable[[str], None]
"""Tells the parent process a line."""


class NoNamespaceError(Exception):
    """No network namespace can be made. The message says why in a few words."""


class _Libc:
    """Two calls that Python 3.11 lacks."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)

    def unshare(self, flags: int) -> int:
        """0, or the errno."""
        return 0 if self._libc.unshare(flags) == 0 else ctypes.get_errno()

    def end_with_parent(self) -> None:
        self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Namespaces:
    """Makes the calling process's namespaces. Only for a process of its own: there is no way back."""

    def __init__(self) -> None:
        self._libc = _Libc()
        self._is_root = False

    def enter_fresh(self) -> None:
        """Enter a network namespace that is empty. Raises NoNamespaceError."""
        code = self._libc.unshare(_CLONE_NEWNET)
        if code == errno.EPERM and not self._is_root:
            self._become_root()
            code = self._libc.unshare(_CLONE_NEWNET)
        if code:
            raise NoNamespaceError(_reason(code))

    def _become_root(self) -> None:
        """Of a user namespace, in which this user has every capability."""
        uid, gid = os.geteuid(), os.getegid()
        code = self._libc.unshare(_CLONE_NEWUSER)
        if code:
            raise NoNamespaceError(_reason(code))
        self._is_root = True
        with suppress(OSError):  # then the settings in /proc/sys cannot be copied, which is noticed
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
            Path("/proc/self/gid_map").write_text(f"0 {gid} 1")


def _reason(code: int) -> str:
    return _REASONS.get(code, f"no network namespace can be made: {os.strerror(code)}")


def lines_of_child(work: Callable[[Say], None], patience: float) -> list[str]:
    """Runs work in a child process, and returns the lines that it says within some seconds.

    The child and its namespaces end with this call, and with this process in any case. Raises OSError if
    there can be no child.
    """
    reading, writing = os.pipe2(os.O_CLOEXEC)
    try:
        parent = os.getpid()
        with warnings.catch_warnings():
            # A thread may be left that still waits in getaddrinfo(). The child needs nothing that it holds.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if not child:
            _be_child(work, writing, parent)
        os.close(writing)
        writing = -1
        try:
            return _read_lines(reading, time.monotonic() + patience)
        finally:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    finally:
        os.close(reading)
        if writing >= 0:
            os.close(writing)


def _be_child(work: Callable[[Say], None], writing: int, parent: int) -> None:
    """Never returns, and runs none of this process's cleanup."""
    try:
        _Libc().end_with_parent()
        if os.getppid() == parent:
            work(lambda line: _write(writing, f"{line}\n".encode("utf-8", "backslashreplace")))
    finally:
        os._exit(0)  # whatever happened: the parent misses a line, and says so


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _read_lines(descriptor: int, deadline: float) -> list[str]:
    data = b""
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([descriptor], [], [], left)[0]:
            break
        chunk = os.read(descriptor, _CHUNK)
        if not chunk:
            break
        data += chunk
    return data.decode("utf-8", "replace").split("\n")[:-1]
