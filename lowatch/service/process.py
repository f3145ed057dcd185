"""What this process uses, for the process_* metrics: from getrusage(2) and /proc/self only.

The unit has ProcSubset=pid, which hides /proc/stat. The collector of prometheus_client needs its btime,
and exports nothing without it.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from lowatch.report.metrics.instruments import ProcessUsage

T = TypeVar("T")


class Process:
    """Reads this process's usage. A value that cannot be read is None; the others are still reported."""

    def __init__(self, proc: Path = Path("/proc/self")) -> None:
        self._proc = proc
        # Read once: a later step of the wall clock would move it.
        self._started = _readable(lambda: _started(proc))

    def usage(self) -> ProcessUsage:
        """Takes about 40 us; reading /proc/self never waits for a disk."""
        own = resource.getrusage(resource.RUSAGE_SELF)
        sizes = _readable(self._memory)
        return ProcessUsage(
            cpu_seconds=own.ru_utime + own.ru_stime,
            resident=sizes and sizes[1],
            virtual=sizes and sizes[0],
            started=self._started,
            open_fds=_readable(self._open_fds),
            max_fds=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        )

    def _memory(self) -> tuple[int, int]:
        """Virtual and resident size in bytes: proc_pid_statm(5)."""
        virtual, resident = (self._proc / "statm").read_bytes().split()[:2]
        page = resource.getpagesize()
        return int(virtual) * page, int(resident) * page

    def _open_fds(self) -> int:
        return len(list((self._proc / "fd").iterdir())) - 1  # without the descriptor of this listing


def _started(proc: Path) -> float:
    """Unix time: proc_pid_stat(5) field 22, in clock ticks since boot.

    Field 2, the command, may contain spaces and parentheses, so count from behind the last parenthesis.
    """
    fields = (proc / "stat").read_text("ascii", "replace").rpartition(")")[2].split()
    since_boot = int(fields[22 - 3]) / os.sysconf("SC_CLK_TCK")
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + since_boot


def _readable(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except (OSError, ValueError, IndexError):
        return None
