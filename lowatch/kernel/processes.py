"""Which process and systemd unit a thread belongs to. No privileges are needed, nor a visible /proc/PID."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from struct import Struct
from typing import NamedTuple

from .cgroups import CgroupUnits

_PIDFD_THREAD = os.O_EXCL  # linux/pidfd.h, since 6.9
_PIDFD_GET_INFO = 0xC040FF0B  # _IOWR(0xFF, 11, struct pidfd_info), since 6.13
_WITH_CGROUP = 1 << 2  # PIDFD_INFO_CGROUPID
_INFO = Struct("=QQII40x")  # mask, cgroupid, pid, tgid; and more, 64 octets in all
_FIRST_PID_NAMESPACE = 0xEFFFFFFC  # PROC_PID_INIT_INO, linux/proc_ns.h
_OWN_PID_NAMESPACE = Path("/proc/self/ns/pid")
_UNSUPPORTED = (errno.EINVAL, errno.ENOTTY, errno.ENOSYS, errno.EPERM)
"""By an older kernel, or a filter of system calls."""
_PAUSE_FACTOR = 20
"""A look at all cgroups is followed by a pause of 20 times its duration: at most 5 % of the time."""


class Owner(NamedTuple):
    """Of a thread. process: its ID; None if unknown. unit: None if it is unknown, or in none."""

    process: int | None = None
    unit: str | None = None


NOBODY = Owner()


class Processes:
    """Asks while the thread lives. Its ID is that of the first PID namespace, as a trace has it.

    Without PIDFD_GET_INFO (before Linux 6.13) it is looked for in each unit's cgroup.threads, as often as
    the time that takes allows. In another PID namespace the IDs mean other processes: nothing is asked.
    """

    def __init__(
        self,
        units: CgroupUnits,
        now: Callable[[], float] = time.monotonic,
        namespace: Path = _OWN_PID_NAMESPACE,
    ) -> None:
        self._units = units
        self._now = now
        self._paused_until = float("-inf")
        try:
            self._is_first = namespace.stat().st_ino == _FIRST_PID_NAMESPACE
        except OSError:
            self._is_first = False
        self._has_info = True

    def owner(self, thread: int) -> Owner:
        """Whose it is now; what is not known is None."""
        if not self._is_first:
            return NOBODY
        if self._has_info:
            try:
                return self._by_descriptor(thread)
            except OSError as error:
                if error.errno not in _UNSUPPORTED:
                    return NOBODY  # it is gone
                self._has_info = False
        started = self._now()
        if started < self._paused_until:
            return NOBODY
        unit = self._units.unit_of_thread(thread)
        ended = self._now()
        self._paused_until = ended + _PAUSE_FACTOR * (ended - started)
        return Owner(None, unit)

    def _by_descriptor(self, thread: int) -> Owner:
        """Raises OSError."""
        descriptor = os.pidfd_open(thread, _PIDFD_THREAD)
        try:
            info = bytearray(_INFO.pack(_WITH_CGROUP, 0, 0, 0))
            fcntl.ioctl(descriptor, _PIDFD_GET_INFO, info)
        finally:
            os.close(descriptor)
        mask, cgroup, _, process = _INFO.unpack(info)
        return Owner(process, self._units.unit(cgroup) if mask & _WITH_CGROUP else None)
