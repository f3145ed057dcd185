"""inotify(7) on the loop: which watched inodes something happened to.

By ctypes, for the standard library has no inotify, and no kept package has it in Debian 12 and 13 alike.
`import ctypes` costs 3 ms and 0.3 MiB, and goes with systemd's MemoryDenyWriteExecute=yes.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import Callable
from pathlib import Path
from struct import Struct
from typing import NamedTuple

# <sys/inotify.h>
IN_MODIFY = 0x0002
IN_ATTRIB = 0x0004
IN_CLOSE_WRITE = 0x0008
IN_MOVED_FROM = 0x0040
IN_MOVED_TO = 0x0080
IN_CREATE = 0x0100
IN_DELETE = 0x0200
IN_DELETE_SELF = 0x0400
IN_MOVE_SELF = 0x0800
IN_Q_OVERFLOW = 0x4000
IN_IGNORED = 0x8000
_IN_NONBLOCK, _IN_CLOEXEC = os.O_NONBLOCK, os.O_CLOEXEC

_HEADER = Struct("iIII")  # struct inotify_event: wd, mask, cookie, len; then len octets of name
_READ_SIZE = 1 << 16
_DRAINED_AT_ONCE = 16
"""Reads, of hundreds of events each, before the loop gets its turn again."""


class Event(NamedTuple):
    """watch: as watch() returned it, -1 for an overflow. name: in a watched directory; b"" otherwise."""

    watch: int
    mask: int
    name: bytes


def parse_events(data: bytes) -> list[Event]:
    """What one read() returned: whole events, always."""
    events = []
    place = 0
    while place < len(data):
        watch, mask, _, length = _HEADER.unpack_from(data, place)
        place += _HEADER.size
        events.append(Event(watch, mask, data[place : place + length].rstrip(b"\0")))
        place += length
    return events


class Inotify:
    """One inotify instance, read by the running loop. All methods raise OSError as the kernel has it."""

    def __init__(self, heard: Callable[[list[Event]], None]) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._add_watch, self._rm_watch = libc.inotify_add_watch, libc.inotify_rm_watch
        self._heard = heard
        self._fd = _checked(libc.inotify_init1(_IN_NONBLOCK | _IN_CLOEXEC))
        asyncio.get_running_loop().add_reader(self._fd, self._drain)

    def watch(self, path: Path, mask: int) -> int:
        """Watch an inode, behind symbolic links too: another path to it gives the same number."""
        return _checked(self._add_watch(self._fd, os.fsencode(path), ctypes.c_uint32(mask)))

    def unwatch(self, watch: int) -> None:
        """Raises OSError (EINVAL) where the inode has gone, and its watch with it."""
        _checked(self._rm_watch(self._fd, watch))

    def close(self) -> None:
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _drain(self) -> None:
        for _ in range(_DRAINED_AT_ONCE):
            if self._fd < 0:
                return  # closed by whoever heard of the last events
            try:
                data = os.read(self._fd, _READ_SIZE)
            except BlockingIOError:
                return
            self._heard(parse_events(data))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
