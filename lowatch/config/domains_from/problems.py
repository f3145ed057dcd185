"""What is wrong with the files that names come from: the first of it, and how much more there is."""

from __future__ import annotations

from pathlib import Path

from lowatch.config.errors import ConfigError, shortened
from lowatch.core.limits import NAMES_BAD, NAMES_PROBLEMS, Limit


class ImmoderateError(Exception):
    """More of something in a file than anybody means; it counts. One line, without its subject."""

    def __init__(self, limit: Limit, what: str) -> None:
        limit.reached()
        super().__init__(f"has more than {limit.value:,} {what}")


class Problems:
    """Collects them, in order. unread: the files that were given up."""

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
        """Whether another one will only be counted: its line need not be looked up."""
        return len(self._first) >= NAMES_PROBLEMS.value

    def add(self, error: ConfigError) -> None:
        if not self.full:
            self._first.append(error)
            return
        NAMES_PROBLEMS.reached()
        self._more += 1
        self._more_from = self._more_from or error.file

    def report(self, file: Path, line: int | None, key: str, message: str) -> None:
        """What is wrong with one line or element. The message may quote any amount of it.

        Raises ImmoderateError where that is one too many for the file.
        """
        if file != self._file:
            self._file, self._in_file = file, 0
        self._in_file += 1
        if self._in_file > NAMES_BAD.value:
            raise ImmoderateError(NAMES_BAD, "problems")
        self.add(ConfigError(file, line, key, shortened(message)))

    def give_up(self, file: Path, message: str, line: int | None = None) -> None:
        """The file cannot be read, or not from here on."""
        error = ConfigError(file, line, "", shortened(message))
        if self.full and len(self._given_up) < NAMES_PROBLEMS.value:
            self._given_up.append(error)  # it counts for more than one more bad line
        else:
            self.add(error)
        self.unread.append(file)

    def errors(self) -> tuple[ConfigError, ...]:
        if self._more_from is None:
            return (*self._first, *self._given_up)
        rest = ConfigError(self._more_from, None, "", f"and so on: {self._more} more problems from here")
        return (*self._first, rest, *self._given_up)
