"""A process measures its own CPU time and memory."""

from __future__ import annotations

import re
import resource
import time
from pathlib import Path
from typing import NamedTuple


class Cost(NamedTuple):
    """The cost of some queries, in seconds: CPU time of all threads, and wall time (0 if not measured)."""

    queries: int
    user: float
    system: float
    wall: float

    @property
    def each(self) -> float:
        """CPU seconds per query."""
        return (self.user + self.system) / self.queries


class Span:
    """Measures from its construction until cost() is called."""

    def __init__(self) -> None:
        self._used = resource.getrusage(resource.RUSAGE_SELF)
        self._began = time.perf_counter()

    def cost(self, queries: int) -> Cost:
        wall = time.perf_counter() - self._began
        used = resource.getrusage(resource.RUSAGE_SELF)
        user, system = used.ru_utime - self._used.ru_utime, used.ru_stime - self._used.ru_stime
        return Cost(queries, user, system, wall)


def mebibytes(field: str) -> float:
    """VmRSS, or VmHWM, its peak. (ru_maxrss would be the parent's if that was larger.)"""
    found = re.search(rf"^{field}:\s+(\d+)", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None, field
    return int(found[1]) / 1024
