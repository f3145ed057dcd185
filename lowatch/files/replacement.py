"""Replaces a file as a whole: a crash leaves the old one or the new one."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path


def temporary_of(path: Path) -> Path:
    """The file that is renamed. Always the same, so that files left by crashes cannot pile up."""
    return path.with_name(path.name + ".tmp")


def replace_file(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write the whole file or nothing; it is on the disk when this returns. Raises OSError.

    mode: the file's permissions, whatever the umask is.
    """
    temporary = temporary_of(path)
    try:
        temporary.unlink(missing_ok=True)  # it may be anything: open(2) would wait for a FIFO
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(temporary, flags, mode), "wb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) != mode:
                os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise
    _settle(path.parent)


def create_file(path: Path, mode: int = 0o600) -> bool:
    """Create an empty file; whether there was none. No other process creates the same. Raises OSError."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode))
    except FileExistsError:
        return False
    return True


def remove_file(path: Path) -> None:
    """Remove a file that may not exist, and settle that on the disk. Raises OSError."""
    path.unlink(missing_ok=True)
    _settle(path.parent)


def _settle(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)  # otherwise a loss of power may undo the rename
    finally:
        os.close(descriptor)
