"""Collects the problems of files of names: the first ones, and the number of further ones."""

from __future__ import annotations

from pathlib import Path

from lowatch.config.errors import ConfigError, shortened
from lowatch.core.limits.config import NAMES_BAD, NAMES_PROBLEMS
from lowatch.core.limits.limit import Limit


class ExcessiveFileError(Exception):
    """A file exceeds a limit, which is counted as reached. The message lacks the subject."""

    def __init__(self, limit: Limit, what: str) -> None:
        limit.reached()
        super().__init__(f"has more than {limit.value:,} {what}")


class Problems:
    """The problems of all files, in order. unread: the files that could not be read, or only in part."""

    def __init__(self) -> None:
        self.unread: list[Path] = []
        self._first: list[ConfigError] = []
        self._more_from: Path | None = None
        self._more = 0
        self._given_up: list[ConfigError] = []
        self._file: Path | None = None
        self._in_file = 0

    @property
    def full(self) -> bool:
        """Whether further problems are only counted, so that their lines need not be looked up."""
        return len(self._first) >= NAMES_PROBLEMS.value

    def add(self, error: ConfigError) -> None:
        if not self.full:
            self._first.append(error)
            return
        NAMES_PROBLEMS.reached()
        self._more += 1
        self._more_from = self._more_from or error.file

    def report(self, file: Path, line: int | None, key: str, message: str) -> None:
        """Report a problem of one line or element. The message may be of any length.

        Raises ExcessiveFileError if the file has too many problems.
        """
        if file != self._file:
            self._file, self._in_file = file, 0
        self._in_file += 1
        if self._in_file > NAMES_BAD.value:
            raise ExcessiveFileError(NAMES_BAD, "problems")
        self.add(ConfigError(file, line, key, shortened(message)))

    def give_up(self, file: Path, message: str, line: int | None = None) -> None:
        """Report that the file, or the rest of it, cannot be read."""
        error = ConfigError(file, line, "", shortened(message))
        if self.full and len(self._given_up) < NAMES_PROBLEMS.value:
            self._given_up.append(error)  # more important than another bad line
        else:
            self.add(error)
        self.unread.append(file)

    def errors(self) -> tuple[ConfigError, ...]:
        """The problems to show. Beyond the limit, one entry has the number of further ones."""
        if self._more_from is None:
            return (*self._first, *self._given_up)
        rest = ConfigError(self._more_from, None, "", f"and so on: {self._more} more problems from here")
        return (*self._first, rest, *self._given_up)
