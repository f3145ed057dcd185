"""A fingerprint of a file or directory: it differs when the file does."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import BinaryIO, NamedTuple

Fingerprint = tuple[object, ...]
"""A Stamp, or for a directory its entries' names and stamps."""

ABSENT: Fingerprint = ()
"""The fingerprint of a path that does not exist or cannot be looked at."""

UNREAD: Fingerprint = (None,)
"""Equals no other fingerprint, so that the file is read again in any case."""

_SETTLED = 50_000_000
"""Nanoseconds after which another change has another time: the kernel's clock for file times ticks."""


class Stamp(NamedTuple):
    """What changes when a file does; times in nanoseconds.

    change_time: chmod(2) changes no other field, and may be what makes a file readable.
    """

    device: int
    inode: int
    size: int
    modified: int
    change_time: int


def fingerprint(path: Path) -> Fingerprint:
    """The stamp of a file, symbolic links followed; ABSENT if it cannot be looked at."""
    try:
        return _stamp(path.stat())
    except OSError:
        return ABSENT


def fingerprint_with_entries(path: Path) -> Fingerprint:
    """The same; but for a directory it differs when any file in it does. Lists the directory."""
    try:
        with os.scandir(path) as entries:
            return tuple(sorted((entry.name, *_stamp_of_entry(entry)) for entry in entries))
    except OSError:
        return fingerprint(path)


def fingerprint_read(stream: BinaryIO) -> Fingerprint:
    """The fingerprint of a file that is about to be read.

    UNREAD if it was written just now, because the next write might not change its times.
    """
    status = os.fstat(stream.fileno())
    return _stamp(status) if abs(time.time_ns() - status.st_mtime_ns) > _SETTLED else UNREAD


def _stamp_of_entry(entry: os.DirEntry[str]) -> Fingerprint:
    try:
        return _stamp(entry.stat())
    except OSError:
        return ABSENT


def _stamp(status: os.stat_result) -> Stamp:
    return Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
