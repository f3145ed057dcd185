"""A tracefs instance of a test's own, as packaging/tmpfiles.d/lowatch-trace.conf makes one at boot."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from tests.support.repository import ROOT

TMPFILES = ROOT / "packaging" / "tmpfiles.d" / "lowatch-trace.conf"
EVENT = "events/sock/inet_sock_set_state"
_numbers = count(1)
_FIRST_PID_NAMESPACE = 0xEFFFFFFC  # PROC_PID_INIT_INO, linux/proc_ns.h
_SHIPPED = Path("/sys/kernel/tracing/instances/lowatch")


class TracefsError(Exception):
    """One line: what is missing here."""


def missing() -> str:
    """What this host lacks for the tests of tests/tracing; "" if they can run."""
    ranges = Path("/proc/self/uid_map").read_text().splitlines()
    if os.geteuid() or sum(int(line.split()[2]) for line in ranges) < 65536:
        return "an ordinary user may not mount tracefs"
    if "tracefs" not in Path("/proc/filesystems").read_text():
        return "this kernel lacks tracefs (CONFIG_FTRACE)"
    return ""


@contextmanager
def instance(at: Path, buffer_kb: int = 0) -> Iterator[Path]:
    """A new instance, with all that tmpfiles.d writes. at: an empty directory to mount tracefs on.

    The kernel has one set of instances, whichever mount shows them: the name is of this process, and new.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"lowatch-test", os.fsencode(at), b"tracefs", 0, None):
        raise TracefsError(f"mount tracefs: {os.strerror(ctypes.get_errno())}")
    made = at / "instances" / f"lowatch-test-{os.getpid()}-{next(_numbers)}"
    try:
        made.mkdir()
        try:
            if buffer_kb:
                (made / "buffer_size_kb").write_text(str(buffer_kb))
            for file, value in written():
                (made / file).write_text(value)
            yield made
        finally:
            made.rmdir()
    finally:
        libc.umount2(os.fsencode(at), 0)


def written() -> list[tuple[str, str]]:
    """What tmpfiles.d writes, in order: each file below the instance, and its content."""
    found = []
    for line in TMPFILES.read_text().splitlines():
        if line.startswith("w"):
            _, path, _, _, _, _, value = line.split(maxsplit=6)
            found.append((str(Path(path).relative_to(_SHIPPED)), value))
    return found


def is_first_pid_namespace() -> bool:
    return Path("/proc/self/ns/pid").stat().st_ino == _FIRST_PID_NAMESPACE


def may_be_ours(traced: int | None, ours: int) -> bool:
    """Whether a thread's ID in a trace, which is of the first PID namespace, may be one of ours."""
    return traced == ours if is_first_pid_namespace() else traced is not None


def own_cgroup() -> Path:
    """The cgroup2 directory of this process."""
    roots = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))
    root = next(root for root in roots if (root / "cgroup.controllers").exists())
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    return root / next(line.removeprefix("0::/") for line in lines if line.startswith("0::/"))
