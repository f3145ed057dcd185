"""A file in the state directory, which only this process writes: whole or not at all.

No failure here is fatal: what cannot be read or written is logged, and the daemon continues without it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from lowatch.core.limits.limit import Limit
from lowatch.files.regular_file import RefusedFileError, read_regular
from lowatch.files.replacement import replace_file, temporary_of

T = TypeVar("T")

_log = logging.getLogger(__name__)


class KeptFile:
    """A crash leaves the old content or the new one. A damaged file is renamed to NAME.damaged."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._content: int | None = None  # the hash of what the file is known to contain
        self._failing = False
        self._writing = threading.Lock()

    def read(self, most: Limit, parse: Callable[[bytes], T]) -> T | None:
        """What the file has, or None. parse: raises ValueError, or RecursionError, saying what is wrong."""
        path = self._path
        with suppress(OSError):  # usually there is none; if it cannot be removed, write() reports that
            temporary_of(path).unlink()
        try:
            content = read_regular(path, most)
        except FileNotFoundError:
            return None
        except RefusedFileError as error:
            _set_aside(path, f"it is {error.strerror}")
            return None
        except OSError as error:
            _log.warning("cannot read the state file %s: %s, ignoring", path, error.strerror)
            return None
        try:
            found = parse(content)
        except (ValueError, RecursionError) as error:
            _set_aside(path, str(error))
            return None
        self._content = hash(content)
        return found

    def write(self, content: bytes) -> bool:
        """Replace the content, if it is different; whether the file has it now.

        A failure is logged once, until one succeeds. Blocks for as long as fsync() takes. One thread at a
        time writes.
        """
        with self._writing:
            if hash(content) != self._content:
                self._write(content)
            return not self._failing

    def _write(self, content: bytes) -> None:
        self._content = None  # if the write fails, the file may be the old one or the new one
        try:
            replace_file(self._path, content)
        except OSError as error:
            if not self._failing:
                _log.warning("cannot write the state file %s: %s, ignoring", self._path, error.strerror)
            self._failing = True
            return
        if self._failing:
            _log.info("the state file %s can be written again", self._path)
        self._failing = False
        self._content = hash(content)


def _set_aside(path: Path, reason: str) -> None:
    aside = path.with_name(path.name + ".damaged")
    try:
        path.replace(aside)
    except OSError as error:
        _log.warning("the state file %s is damaged (%s) and cannot be set aside: %s", path, reason, error)
        return
    _log.warning("the state file %s is damaged: %s; kept as %s", path, reason, aside)
