"""A file's fingerprint: differs when the file does."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import BinaryIO

Fingerprint = tuple[int, ...]


_ABSENT: Fingerprint = (0,)


UNREAD: Fingerprint = ()
"""Equals no fingerprint: look again whatever happens."""


_SETTLED = 50_000_000
"""Nanoseconds after which a file's next change has another time: the kernel's clock for them ticks."""


def fingerprint(path: Path) -> Fingerprint:
    """Differs when the file does, behind symbolic links too. One value for all that cannot be looked at."""
    try:
        return _fingerprint(path.stat())
    except OSError:
        return _ABSENT


def fingerprint_read(file: BinaryIO) -> Fingerprint:
    """Of what is about to be read. Of a file written just now: none, for the next write might not show."""
    status = os.fstat(file.fileno())
    return _fingerprint(status) if abs(time.time_ns() - status.st_mtime_ns) > _SETTLED else UNREAD


def _fingerprint(status: os.stat_result) -> Fingerprint:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
