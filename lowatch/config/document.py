"""Reads, decodes and parses one configuration file, and finds the lines of its keys."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from lowatch.core.limits.config import CONFIG_FILE_BYTES, CONFIG_FILES, CONFIG_KEY_PARTS, CONFIG_VALUES
from lowatch.files.regular_file import RefusedFileError, read_pipe, read_regular

from .errors import ConfigError, ConfigErrors, not_utf_8
from .toml_lines import KeyPath, find_long_key, key_lines

_PIPE_TIMEOUT = 10.0
"""Seconds to wait for each piece of a configuration that comes from a pipe."""
_SYNTAX_PLACE = re.compile(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)$")


class Document:
    """The parsed content of one file. Lines are looked up only to report an error."""

    def __init__(self, path: Path, text: str, table: Mapping[str, Any]) -> None:
        self.path = path
        self.table = table
        self.text = text

    @cached_property
    def _lines(self) -> Mapping[KeyPath, int]:
        return key_lines(self.text)

    def line(self, path: KeyPath) -> int | None:
        """The line of a key, counted from 1; None if it is not certain."""
        return self._lines.get(path)


def read_document(path: Path, *, pipe: bool = False) -> Document:
    """Read and parse a file. pipe: also accept a FIFO or a terminal, and wait for it.

    Raises ConfigErrors with one error if the file cannot be read or is not TOML.
    """
    text = _decode(path, _read(path, pipe=pipe))
    _refuse_excessive(path, text)
    try:
        return Document(path, text, tomllib.loads(text))
    except RecursionError:
        raise _rejected(path, "is nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError, and int() of too many digits
        message = str(error)
        place = _SYNTAX_PLACE.search(message)
        line = int(place["line"]) if place and place["line"] else None
        if place:
            message = message[: place.start()] + ("" if line else " at the end of the file")
        raise _rejected(path, f"is not valid TOML: {message}", line) from None


def drop_in_directory(path: Path) -> Path:
    """The directory beside a file whose files add to it."""
    return path.parent / "lowatch.d"


def drop_ins(path: Path, also: Path | None = None) -> list[Path]:
    """The *.toml files in lowatch.d beside a file, sorted by name. Raises ConfigErrors.

    also: one that may not exist yet, as if it did.
    """
    directory = drop_in_directory(path)
    entries = [] if also is None else [also]
    try:
        entries = sorted({*entries, *islice(directory.iterdir(), CONFIG_FILES.value + 1)})
    except FileNotFoundError:
        return entries
    except OSError as error:
        raise _rejected(directory, f"cannot be listed: {error.strerror}") from None
    if len(entries) > CONFIG_FILES.value:
        CONFIG_FILES.reached()
        raise _rejected(directory, f"has more than {CONFIG_FILES.value:,} files")
    return [entry for entry in entries if entry.suffix == ".toml" and entry.name[0] != "."]


def _read(path: Path, *, pipe: bool) -> bytes:
    try:
        if pipe:
            return read_pipe(path, CONFIG_FILE_BYTES, _PIPE_TIMEOUT)
        return read_regular(path, CONFIG_FILE_BYTES)
    except RefusedFileError as error:
        raise _rejected(path, f"is {error.strerror}") from None
    except FileNotFoundError:
        raise _rejected(path, "no such file") from None
    except OSError as error:
        raise _rejected(path, f"cannot be read: {error.strerror}") from None


def _decode(path: Path, content: bytes) -> str:
    if content.startswith(b"\xef\xbb\xbf"):
        raise _rejected(path, "starts with a byte order mark (save it as UTF-8 without one)", 1)
    try:
        return content.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _rejected(path, not_utf_8(error), line) from None


def _refuse_excessive(path: Path, text: str) -> None:
    """Raises ConfigErrors for a text that tomllib would take minutes or gigabytes to parse."""
    if sum(map(text.count, "\n,[=")) > CONFIG_VALUES.value:
        CONFIG_VALUES.reached()
        raise _rejected(path, f"has more than {CONFIG_VALUES.value:,} values and lines")
    line = find_long_key(text, CONFIG_KEY_PARTS.value)
    if line is not None:
        CONFIG_KEY_PARTS.reached()
        raise _rejected(path, f"a key has more than {CONFIG_KEY_PARTS.value} parts", line)


def _rejected(path: Path, message: str, line: int | None = None) -> ConfigErrors:
    return ConfigErrors([ConfigError(path, line, "", message)])
