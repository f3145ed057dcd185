"""Opens files that others control: only regular ones, up to a size, without blocking.

open(2) of a FIFO waits for the other end, open(2) of a device may have effects (a tape rewinds, a watchdog
starts), and /dev/zero never ends. So a file's type is checked before it is opened, and again afterwards,
because it may have been replaced in between.
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

from lowatch.core.limits.limit import Limit

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
    """The file was refused. strerror: for example "a FIFO, not a regular file", or "larger than 64 MiB"."""


@contextmanager
def open_regular(path: Path, limit: Limit) -> Iterator[BinaryIO]:
    """A context with the file, opened for reading. limit: its largest size in bytes.

    The file may grow while it is read: a caller that reads piece by piece has to count. Raises OSError, or
    RefusedFileError if the file is not regular or too large.
    """
    _check(_status(path), limit)
    descriptor = os.open(path, _FLAGS)
    with os.fdopen(descriptor, "rb", buffering=_BUFFER) as stream:
        _check(os.fstat(descriptor), limit)
        yield stream


def read_regular(path: Path, limit: Limit) -> bytes:
    """The file's whole content. Raises like open_regular()."""
    with open_regular(path, limit) as stream:
        return read_whole(stream, limit)


def read_pipe(path: Path, limit: Limit, patience: float) -> bytes:
    """The whole content of a regular file, FIFO or terminal that a user named: -c <(command).

    patience: seconds to wait for each piece. Raises like open_regular().
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
        raise RefusedFileError(errno.ETIMEDOUT, f"a pipe that nobody wrote to for {patience:g} s")
    finally:
        os.close(descriptor)


def read_whole(stream: BinaryIO, limit: Limit) -> bytes:
    """The rest of an open file. Raises OSError."""
    content = stream.read(os.fstat(stream.fileno()).st_size + 1)  # read() allocates this much at once
    while piece := stream.read(_PIECE):  # it has grown, or reports no size, as files in /proc do
        content += piece
        if len(content) > limit.value:
            break
    if len(content) > limit.value:
        raise too_large(limit)
    return content


def too_large(limit: Limit) -> RefusedFileError:
    """The error to raise for a file larger than the limit, which is counted as reached."""
    limit.reached()
    return RefusedFileError(errno.EFBIG, f"larger than {size(limit)}")


def size(limit: Limit) -> str:
    """The limit's value in the largest unit that divides it, for example "64 MiB"."""
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
