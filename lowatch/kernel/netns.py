"""Enters another network namespace, with the files in /etc that apply there: in a thread, or as a process.

All that the thread opens is of that namespace: sockets, /proc/thread-self/net and /proc/sys/net. So are the
threads that it starts. The namespace is entered as `ip netns exec` does it (netns_switch() and bind_etc()
in lib/namespace.c of iproute2), but /sys stays, because the units of cgroups are read there.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fcntl import ioctl
from pathlib import Path
from typing import TypeVar

from lowatch.core.netns import netns_path

T = TypeVar("T")

ETC = Path("/etc/netns")
"""ETC/NAME has the files that replace those of /etc inside."""

# <linux/sched.h>, <linux/nsfs.h>, <linux/mount.h>. os.setns and os.unshare came with Python 3.12.
_CLONE_NEWNS = 0x0002_0000
_CLONE_NEWUSER = 0x1000_0000
_CLONE_NEWNET = 0x4000_0000
_NS_GET_USERNS = 0xB701
_NS_GET_NSTYPE = 0xB703
_MS_BIND = 0x1000
_MS_REC = 0x4000
_MS_SLAVE = 0x8_0000
_CAP_SYS_ADMIN = 21

_OURS = Path("/proc/thread-self/ns/net")

_FILES = ("resolv.conf", "hosts", "host.conf", "nsswitch.conf", "gai.conf")
"""The files of /etc by which names are resolved."""


class NetnsError(Exception):
    """Why a network namespace cannot be entered. The message is one line."""


def run_inside(name: str, work: Callable[[], T]) -> T:
    """What the work returns or raises, from a thread in a network namespace. Raises NetnsError.

    name: see core/netns.py.
    """
    with _opened(name) as namespace:
        _join_owner(namespace)
        return _in_thread(lambda: _enter(name, namespace), work)


def enter(name: str) -> None:
    """Move this process, of one thread, into a network namespace, unless it is there. Raises NetnsError."""
    with _opened(name) as namespace:
        if os.path.samestat(os.fstat(namespace), _OURS.stat()):
            return  # systemd has put it there, with the files that apply
        _join_owner(namespace)
        _enter(name, namespace)


def why_lost(name: str) -> str:
    """Why the name does not lead to the network namespace of this thread any more; "" if it does.

    "" also if the name cannot be looked at, because that does not show that it is gone.
    """
    try:
        there = Path(netns_path(name)).stat()
    except FileNotFoundError:
        return f"{_said(name)} is gone{_at(name)}"
    except OSError:
        return ""
    return "" if os.path.samestat(there, _OURS.stat()) else f"{_said(name)} was replaced{_at(name)}"


@contextmanager
def _opened(name: str) -> Iterator[int]:
    """A descriptor of the namespace. It stays the same one, whatever becomes of the name."""
    path = netns_path(name)
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):  # to open a device may have effects
            raise NetnsError(f"{path} is not a network namespace")
        namespace = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError:
        raise NetnsError(f"{_said(name)} does not exist{_at(name)}") from None
    except OSError as error:
        raise NetnsError(f"cannot open {_said(name)}: {error.strerror}") from None
    try:
        if not _is_netns(namespace):
            raise NetnsError(f"{path} is not a network namespace")
        yield namespace
    finally:
        os.close(namespace)


def _is_netns(descriptor: int) -> bool:
    """Whether it is one, and not the empty file that a namespace which is gone may leave."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return False  # a device may understand the number otherwise
    try:
        return ioctl(descriptor, _NS_GET_NSTYPE) == _CLONE_NEWNET
    except OSError:  # ENOTTY
        return False


def _join_owner(namespace: int) -> None:
    """Become root of the user namespace that owns the network namespace, where the kernel allows it.

    It allows it to whoever created that user namespace. It holds for this process from now on, which must
    have one thread only. What is not allowed shows when the network namespace is entered.
    """
    if _may_administer():
        return
    with suppress(OSError):  # EPERM: the owner is not below our own user namespace
        owner = ioctl(namespace, _NS_GET_USERNS)
        try:
            _call("setns", owner, _CLONE_NEWUSER)
        finally:
            os.close(owner)


def _may_administer() -> bool:
    """Whether this process has CAP_SYS_ADMIN in its user namespace, and so in those below."""
    for line in Path("/proc/self/status").read_text("ascii", "replace").splitlines():
        key, _, value = line.partition(":")
        if key == "CapEff":
            return bool(int(value, 16) >> _CAP_SYS_ADMIN & 1)
    return False


def _in_thread(enter: Callable[[], None], work: Callable[[], T]) -> T:
    """What the work returns or raises, once the thread has entered. Ctrl-C does not wait for it."""
    results: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            enter()
            results.append(work())
        except BaseException as error:  # it is raised again by the thread that waits
            failures.append(error)

    thread = threading.Thread(target=run, name="netns", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        raise NetnsError(str(error)) from None
    thread.join()
    if failures:
        raise failures[0]
    return results[0]


def _enter(name: str, namespace: int) -> None:
    """Move the calling thread. Raises NetnsError."""
    try:
        _call("setns", namespace, _CLONE_NEWNET)
    except OSError as error:
        why = "it needs root (CAP_SYS_ADMIN)" if error.errno == errno.EPERM else error.strerror
        raise NetnsError(f"cannot enter {_said(name)}: {why}") from None
    files = [ETC / name / file for file in _FILES] if "/" not in name else []
    files = [file for file in files if file.exists()]
    if files:
        _mount_over_etc(files)


def _mount_over_etc(files: list[Path]) -> None:
    """Mount them over those of /etc, for this thread only. Raises NetnsError."""
    try:
        _call("unshare", _CLONE_NEWNS)
        _call("mount", b"none", b"/", None, _MS_SLAVE | _MS_REC, None)
    except OSError as error:
        raise NetnsError(f"cannot mount {files[0]}: {error.strerror}") from None
    for file in files:
        target = Path("/etc") / file.name
        try:
            _call("mount", bytes(file), bytes(target), None, _MS_BIND, None)
        except OSError as error:
            raise NetnsError(f"cannot mount {file} over {target}: {error.strerror}") from None


def _said(name: str) -> str:
    return f"the network namespace {name}"


def _at(name: str) -> str:
    return "" if "/" in name else f" ({netns_path(name)})"


def _call(function: str, *arguments: int | bytes | None) -> None:
    """A function of the C library. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
