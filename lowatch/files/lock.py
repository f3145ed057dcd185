"""Locks a directory, so that of two commands that rewrite a file in it neither loses anything."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_RETRY = 0.02


@contextmanager
def locked(directory: Path, patience: float) -> Iterator[None]:
    """A context in which no other process has the directory locked like this (flock(2)).

    patience: seconds to wait, because anyone who may read the directory may lock it. Raises OSError, or
    TimeoutError. It blocks, so it is for commands only.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        deadline = time.monotonic() + patience
        while not _try_lock(descriptor):
            if time.monotonic() >= deadline:
                raise TimeoutError
            time.sleep(_RETRY)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
