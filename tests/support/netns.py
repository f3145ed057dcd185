"""Throwaway network namespaces: the test's own thread moves in, and what it makes lives there.

Only the calling (main) thread changes namespace: sockets, event loops, threads and subprocesses
made from it afterwards are inside. Making one takes about a millisecond and starts no process.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shlex
import socket
import struct
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

import pytest

from tests.support.sockets import Sockets

# <linux/sched.h>, <sys/mount.h>; os.unshare and os.setns came with Python 3.12 only.
CLONE_NEWNS = 0x0002_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWNET = 0x4000_0000
MNT_DETACH = 0x2
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x4_0000

# <linux/sockios.h>, <linux/if.h>
SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914
IFF_UP = 1
_IFREQ = struct.Struct("16sH14x")  # struct ifreq: the name, then the flags

_libc = ctypes.CDLL(None, use_errno=True)


class CommandError(AssertionError):
    """A command of the test's own set-up failed; the message has what it said."""


class Netns:
    """A network namespace with `lo` up, held by a file descriptor: it goes when that is closed.

    Commands raise CommandError with their stderr. Sockets made through `listener`, `udp` and so on
    are closed together with it.
    """

    def __init__(self) -> None:
        with _staying_here():
            _checked(_libc.unshare(CLONE_NEWNET), "unshare(CLONE_NEWNET)")
            self._fd = _open_current()
            set_link("lo", up=True)
        self._stack = ExitStack()
        self._stack.callback(os.close, self._fd)
        self.sockets = self._stack.enter_context(Sockets())
        self.listener = self.sockets.listener
        self.full_listener = self.sockets.full_listener
        self.udp = self.sockets.udp

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def path(self) -> str:
        """For `ip link set ... netns PATH` and `nsenter --net=PATH`, while this process lives."""
        return f"/proc/{os.getpid()}/fd/{self._fd}"

    @contextmanager
    def entered(self) -> Iterator[Self]:
        """The calling thread is inside for as long as the block lasts."""
        with _staying_here():
            _checked(_libc.setns(self._fd, CLONE_NEWNET), "setns")
            yield self

    def sibling(self) -> Netns:
        """Another namespace, closed with this one. Neighbours are made by a veth pair:

        `ip(f"link add veth0 type veth peer name veth1 netns {other.path}")`.
        """
        return self._stack.enter_context(Netns())

    def run(self, *command: str, stdin: str = "") -> str:
        """Run a command inside; its stdout."""
        with self.entered():
            done = subprocess.run(
                command, input=stdin, capture_output=True, text=True, check=False, timeout=60
            )
        if done.returncode:
            said = done.stderr.strip() or done.stdout.strip()
            raise CommandError(f"{shlex.join(command)}: exit code {done.returncode}: {said}")
        return done.stdout

    def ip(self, arguments: str) -> str:
        """`ip("addr add 192.0.2.10/32 dev lo")`."""
        return self.run("ip", *shlex.split(arguments))

    def dummy(self, name: str) -> None:
        """Add a dummy, which holds addresses; on a kernel that has none, a bridge in its place."""
        try:
            self.ip(f"link add {name} type dummy")
        except CommandError:
            self.ip(f"link add {name} type bridge")

    def batch(self, lines: Iterable[str]) -> None:
        """Many `ip` commands by one process: ten thousand addresses take a third of a second."""
        self.run("ip", "-batch", "-", stdin="".join(f"{line}\n" for line in lines))

    def nft(self, ruleset: str) -> None:
        """`nft("table ip nat { chain ... }")`: a ruleset in nft's own language, added."""
        self.run("nft", "-f", "-", stdin=f"{ruleset}\n")

    def sysctl(self, name: str, value: int | str) -> None:
        """`sysctl("net.ipv4.conf.all.arp_ignore", 1)`; interface names must have no dot."""
        with self.entered():
            Path("/proc/sys", *name.split(".")).write_text(f"{value}\n")


@contextmanager
def _staying_here() -> Iterator[None]:
    """Back to the present network namespace at the end, whatever happened meanwhile."""
    here = _open_current()
    try:
        yield
    finally:
        try:
            _checked(_libc.setns(here, CLONE_NEWNET), "setns")
        finally:
            os.close(here)


def _open_current() -> int:
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _checked(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def set_link(name: str, *, up: bool) -> None:
    """Set a link of the current namespace up or down (without starting `ip`)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = fcntl.ioctl(control, SIOCGIFFLAGS, _IFREQ.pack(name.encode(), 0))
        _, flags = _IFREQ.unpack(request)
        flags = flags | IFF_UP if up else flags & ~IFF_UP
        fcntl.ioctl(control, SIOCSIFFLAGS, _IFREQ.pack(name.encode(), flags))


def as_ordinary_user(*command: str, group: int = 1000) -> list[str]:
    """The command, run as uid 1000 without any capability, in the present network namespace.

    It is uid 1000 of a user namespace of its own, and outside still us: so it may read whatever we
    may (an interpreter below /root), and an ordinary user running the tests can do it as well.
    Owners are shown as that namespace has them: ours is 1000, all others are nobody (65534).
    """
    return ["unshare", "--user", "--map-user=1000", f"--map-group={group}", "--", *command]


def isolate_session() -> None:
    """Move the whole test session into a network and a mount namespace of its own.

    No test can then reach the host's network or leave a mount there. Without CAP_SYS_ADMIN, a user
    namespace comes first, in which this user is root. Raises OSError where even that is refused.
    """
    if _libc.unshare(CLONE_NEWNET | CLONE_NEWNS):
        uid, gid = os.getuid(), os.getgid()
        os.environ.setdefault("LOGNAME", f"uid-{uid}")  # pytest names its temporary directory by it
        _checked(_libc.unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS), "unshare(CLONE_NEWUSER)")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    _checked(_libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "mount --make-rprivate")
    set_link("lo", up=True)
    _have_resolv_conf("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")


def _have_resolv_conf(text: str) -> None:
    """In this mount namespace, whatever the host's says: a Knot is there, or nobody."""
    place = Path("/etc/resolv.conf").resolve()
    if not place.exists():
        return
    with tempfile.TemporaryDirectory() as directory:  # a file that were deleted could not be mounted upon
        _checked(_libc.mount(b"none", directory.encode(), b"tmpfs", 0, b"mode=755"), "mount tmpfs")
        ours = Path(directory) / "resolv.conf"
        ours.write_text(text)
        mounted = _libc.mount(str(ours).encode(), str(place).encode(), None, MS_BIND, None)
        _checked(_libc.umount2(directory.encode(), MNT_DETACH), "umount")
        _checked(mounted, "mount --bind")


def pytest_configure() -> None:
    # An ordinary user's PATH on Debian lacks the directories of ip, nft and knotd.
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    try:
        isolate_session()
    except OSError as error:
        pytest.exit(
            f"{error}\nThe tests need network namespaces: run them as root, or allow unprivileged "
            "user namespaces (sysctl kernel.unprivileged_userns_clone=1, "
            "kernel.apparmor_restrict_unprivileged_userns=0).",
            returncode=pytest.ExitCode.USAGE_ERROR,
        )


@pytest.fixture
def netns() -> Iterator[Netns]:
    """The test runs inside a network namespace of its own, with `lo` up and nothing else."""
    with Netns() as fresh, fresh.entered():
        yield fresh
