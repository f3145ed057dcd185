"""Reads the files that name resolution depends on: from this host, or from a simulated one."""

from __future__ import annotations

import socket
import stat
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from lowatch.core.limits.limit import Limit
from lowatch.files.fingerprint import Fingerprint, fingerprint, fingerprint_read
from lowatch.files.regular_file import open_regular, read_whole, size, too_large

READ_AT_ONCE = 64 * 1024
"""Bytes that take about a millisecond to read."""
_BREATH = 0.0001
"""Seconds for which a reading thread releases the interpreter after each READ_AT_ONCE bytes."""


class Lines(NamedTuple):
    """A file's lines, read one by one (may raise OSError). seen: its fingerprint from before."""

    lines: Iterator[bytes]
    seen: Fingerprint


class FileSystem(Protocol):
    """Reads files; blocks as stat(2) and read(2) do. limit: the largest size of a file, in bytes."""

    def fingerprint(self, path: Path) -> Fingerprint:
        """See files.fingerprint."""

    def size(self, path: Path) -> int:
        """Bytes; 0 if there is no such file."""

    def read_small(self, path: Path, limit: Limit) -> tuple[str, Fingerprint]:
        """A whole file, and its fingerprint from before it was read. Raises OSError."""

    def open_lines(self, path: Path, limit: Limit) -> AbstractContextManager[Lines]:
        """A context with a file's lines. Raises OSError."""

    def refusal(self, path: Path, limit: Limit) -> str:
        """Why the C library could block on this file, or read it endlessly; "" if it could not."""

    def is_listening(self, path: Path) -> bool:
        """Whether a process accepts connections on this Unix socket. Raises OSError if it cannot ask."""


class HostFileSystem:
    """The FileSystem of this host."""

    def fingerprint(self, path: Path) -> Fingerprint:
        return fingerprint(path)

    def size(self, path: Path) -> int:
        try:
            return path.stat().st_size
        except OSError:
            return 0

    def read_small(self, path: Path, limit: Limit) -> tuple[str, Fingerprint]:
        with open_regular(path, limit) as stream:
            seen = fingerprint_read(stream)
            return read_whole(stream, limit).decode(errors="replace"), seen

    @contextmanager
    def open_lines(self, path: Path, limit: Limit) -> Iterator[Lines]:
        with open_regular(path, limit) as stream:
            yield Lines(_lines(stream, limit), fingerprint_read(stream))

    def refusal(self, path: Path, limit: Limit) -> str:
        try:
            status = path.stat()
        except OSError:
            return ""
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            return f"{path} is not a regular file"
        return f"{path} is larger than {size(limit)}" if status.st_size > limit.value else ""

    def is_listening(self, path: Path) -> bool:
        """Never waits. It connects, because the socket may remain after its process has ended."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as client:
            try:
                client.connect(str(path))
            except BlockingIOError:  # its backlog is full
                return True
            except OSError:
                return False
        return True


def _lines(stream: BinaryIO, limit: Limit) -> Iterator[bytes]:
    """Yield the lines, and never read more than the limit. Raises OSError for a larger file.

    A large file is read in a thread. A thread that only computes releases the interpreter every 5 ms. The
    loop needs it several times per turn, and a turn took 125 ms. So this function pauses.
    """
    left = limit.value
    pause_at = left - READ_AT_ONCE
    while line := stream.readline(left):
        left -= len(line)
        if left <= 0:
            raise too_large(limit)
        if left < pause_at:
            pause_at = left - READ_AT_ONCE
            time.sleep(_BREATH)
        yield line


HOST_FILE_SYSTEM = HostFileSystem()
