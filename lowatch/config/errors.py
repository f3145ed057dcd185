"""The errors in a configuration, which are all reported at once, one line each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lowatch.core.limits.config import CONFIG_ERRORS
from lowatch.core.printable import printable

_MESSAGE_LENGTH = 300


@dataclass(frozen=True, slots=True)
class ConfigError:
    """One error.

    line: counted from 1, None if unknown. key: dotted, as in `dns.timeout`; "" for the file itself.
    message: what is wrong, and in parentheses what would be right.

    str() is one line, whatever the file name and the message contain.
    """

    file: Path
    line: int | None
    key: str
    message: str

    def __str__(self) -> str:
        place = str(self.file) if self.line is None else f"{self.file}:{self.line}"
        return printable(f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}")


class ErrorList(list[ConfigError]):
    """The first errors, up to the limit; further ones are only counted."""

    def __init__(self) -> None:
        super().__init__()
        self.more = 0

    @property
    def full(self) -> bool:
        """Whether further errors are only counted, so that they need no message."""
        return len(self) >= CONFIG_ERRORS.value

    def append(self, error: ConfigError) -> None:
        if self.full:
            CONFIG_ERRORS.reached()
            self.more += 1
        else:
            super().append(error)


def shortened(message: str) -> str:
    """The message, cut to a reasonable length: it may quote any amount of text."""
    return message if len(message) <= _MESSAGE_LENGTH else f"{message[:_MESSAGE_LENGTH]}..."


def not_utf_8(error: UnicodeDecodeError) -> str:
    return f"is not UTF-8: byte 0x{error.object[error.start]:02x} (save it as UTF-8)"


class ConfigErrors(Exception):  # noqa: N818  # it carries the errors
    """The configuration cannot be used. errors: all its errors, in the order of the files."""

    def __init__(self, errors: Iterable[ConfigError]) -> None:
        self.errors = tuple(errors)
        super().__init__(self.errors)

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)
