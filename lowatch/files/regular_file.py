"""Opening what somebody else may have made: a regular file, bounded, without ever waiting for it.

open(2) of a FIFO waits for its other end, that of a device may do things (a tape rewinds, a watchdog starts
to count), and /dev/zero has no end. So everything is looked at before it is opened, and once more after:
it may have been replaced in between.
"""

from __future__ import annotations

import errno
import os
import select
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from lowatch.core.limits import Limit

_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_PIECE = 1 << 20
_BUFFER = 1 << 17


class RefusedFileError(OSError):
    """strerror: as in "a FIFO, not a regular file", or "larger than 64 MiB"."""


@contextmanager
def open_regular(path: Path, limit: Limit) -> Iterator[BinaryIO]:
    """The file, to be read. limit: its size, in bytes, which counts where it is met.

    It may grow while it is read: whoever reads piece by piece has to count. Raises OSError, and
    RefusedFileError for what is not regular or too large.
    """
    _check(_status(path), limit)
    descriptor = os.open(path, _FLAGS)
    with os.fdopen(descriptor, "rb", buffering=_BUFFER) as stream:
        _check(os.fstat(descriptor), limit)
        yield stream


def read_regular(path: Path, limit: Limit) -> bytes:
    """All of it. Raises as open_regular()."""
    with open_regular(path, limit) as stream:
        return read_whole(stream, limit)


def read_pipe(path: Path, limit: Limit, patience: float) -> bytes:
    """All that a regular file, a FIFO or a terminal gives, for whoever named one himself: -c <(command).

    patience: seconds to wait for each piece. Raises as open_regular().
    """
    if stat.S_ISREG(mode := _status(path).st_mode) or not (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
        return read_regular(path, limit)
    descriptor = os.open(path, _FLAGS)
    try:
        content = b""
        ready = select.poll()
        ready.register(descriptor, select.POLLIN)
        while ready.poll(patience * 1000):
            piece = os.read(descriptor, _PIECE)
            content += piece
            if not piece:
                return content
            if len(content) > limit.value:
                raise too_large(limit)
        raise RefusedFileError(errno.ETIMEDOUT, f"a pipe into which nobody wrote for {patience:g} s")
    finally:
        os.close(descriptor)


def read_whole(stream: BinaryIO, limit: Limit) -> bytes:
    """What is left of an opened file. Raises OSError."""
    content = stream.read(os.fstat(stream.fileno()).st_size + 1)  # a buffer of this size is made first
    while piece := stream.read(_PIECE):  # it grows, or its size was not the truth: those of /proc have none
        content += piece
        if len(content) > limit.value:
            break
    if len(content) > limit.value:
        raise too_large(limit)
    return content


def too_large(limit: Limit) -> RefusedFileError:
    """What to raise where a file that is being read turns out to be; it counts."""
    limit.reached()
    return RefusedFileError(errno.EFBIG, f"larger than {size(limit)}")


def size(limit: Limit) -> str:
    """As in "64 MiB"."""
    value, unit = limit.value, "bytes"
    for larger in ("KiB", "MiB"):
        if value % 1024:
            break
        value, unit = value >> 10, larger
    return f"{value} {unit}"


def _status(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except ValueError as error:  # a NUL in the path
        raise OSError(errno.EINVAL, str(error)) from None


def _check(status: os.stat_result, limit: Limit) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = next((text for is_kind, text in _KINDS if is_kind(status.st_mode)), "something else")
        raise RefusedFileError(errno.EINVAL, f"{kind}, not a regular file")
    if status.st_size > limit.value:
        raise too_large(limit)
