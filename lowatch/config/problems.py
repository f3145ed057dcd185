"""What is wrong with the files that names come from: the first of it, and how much more there is."""

from __future__ import annotations

from pathlib import Path

from lowatch.core.limits import NAMES_PROBLEMS

from .errors import ConfigError

_MESSAGE_LENGTH = 300


class Problems:
    """Collects them, in order. unread: the files that were given up."""

    def __init__(self) -> None:
        self.unread: list[Path] = []
        self._first: list[ConfigError] = []
        self._more_from: Path | None = None
        self._more = 0

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
        """What is wrong with one line or element. The message may quote any amount of it."""
        if len(message) > _MESSAGE_LENGTH:
            message = f"{message[:_MESSAGE_LENGTH]}..."
        self.add(ConfigError(file, line, key, message))

    def give_up(self, file: Path, message: str, line: int | None = None) -> None:
        """The file cannot be read, or not from here on."""
        self.report(file, line, "", message)
        self.unread.append(file)

    def errors(self) -> tuple[ConfigError, ...]:
        if self._more_from is None:
            return tuple(self._first)
        rest = ConfigError(self._more_from, None, "", f"and so on: {self._more} more problems from here")
        return (*self._first, rest)
