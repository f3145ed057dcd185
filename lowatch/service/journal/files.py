"""Which files a reader of the journal opens, and which of them it cannot.

libsystemd leaves such files out without a word: a user without permission sees an empty journal.
journalctl knows them from inside libsystemd (journal_access_check_and_warn(), journal-util.c). Here each
file is opened once by itself, which gives its error.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

SYSTEM = ("/run/log/journal", "/var/log/journal")
"""Where the journal is: sd_journal_open(3)."""

_SUFFIXES = (".journal", ".journal~")  # the latter was not closed properly
_MACHINE = re.compile("[0-9a-f]{32}")
_DENIED = (errno.EACCES, errno.EPERM)
_REASONS = {
    errno.ENODATA: "it is truncated",
    errno.EBADMSG: "it is corrupted",
    errno.EPROTONOSUPPORT: "it has features that this version of libsystemd does not know",
}


class Unopened(NamedTuple):
    """A file or directory of the journal that cannot be read, and why (errno)."""

    path: str
    error: int

    @property
    def is_denied(self) -> bool:
        return self.error in _DENIED

    @property
    def reason(self) -> str:
        return _REASONS.get(self.error) or os.strerror(self.error)


def journal_files(directories: Iterable[str], is_read: Callable[[str], bool]) -> Iterator[str | Unopened]:
    """The journal's files in the directories and one level below, where each machine has a directory.

    is_read: whether the directory of a machine is read.
    """
    for directory in directories:
        try:
            found = sorted(os.scandir(directory), key=lambda each: each.name)
        except OSError as error:
            if error.errno != errno.ENOENT:
                yield Unopened(directory, error.errno or 0)
            continue
        yield from (each.path for each in found if each.name.endswith(_SUFFIXES))
        below = [each.path for each in found if _MACHINE.fullmatch(each.name) and is_read(each.path)]
        yield from journal_files(below, lambda _: False)


def unopened(paths: Iterable[str | Unopened], open_one: Callable[[str], None]) -> Iterator[Unopened]:
    """Those that cannot be opened. open_one: opens one file and closes it, or raises OSError."""
    for path in paths:
        if isinstance(path, Unopened):
            yield path
            continue
        try:
            open_one(path)
        except OSError as error:
            if error.errno != errno.ENOENT:  # deleted or renamed meanwhile
                yield Unopened(path, error.errno or 0)
