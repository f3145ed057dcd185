"""The files of this host, read within bounds: for the readers of this package."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from posixpath import dirname, join
from typing import NamedTuple

from lowatch.core.boot import Unread
from lowatch.core.limits.boot import (
    BOOT_BYTES,
    BOOT_FILE_BYTES,
    BOOT_FILES,
    BOOT_LINE_BYTES,
    BOOT_NAMES,
    BOOT_UNREAD,
)
from lowatch.core.limits.limit import Limit
from lowatch.files.regular_file import RefusedFileError, open_regular, read_whole

_MAGIC = frozenset("*?[")
_EXPANDED = frozenset("$`~\"'\\{")
"""What wordexp(3) expands or removes, besides patterns."""
_LONGEST_PATTERN = 1024
_NULL = os.makedev(1, 3)
"""/dev/null (Documentation/admin-guide/devices.txt)."""


class TooMuchError(Exception):
    """Too much cannot be read or understood to go on with a program's files."""


class Line(NamedTuple):
    number: int
    text: str


class Source:
    """Reads files by their paths, each once for each program, and remembers what it could not read.

    root: in place of /, for tests. Symbolic links lead where they do on this host.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._seen: set[tuple[int, int]] = set()
        self._bytes = BOOT_BYTES.value
        self._names = BOOT_NAMES.value
        self.files = 0
        self.unread: list[Unread] = []

    def next_program(self) -> None:
        """Another program may read the same files again."""
        self._seen.clear()

    def lines(self, path: str) -> list[str]:
        """The lines of a file; none if it does not exist, was read before, or cannot be read."""
        # Not splitlines(), which ends lines at form feeds and at Unicode's separators too.
        lines = (self.text(path) or "").replace("\r\n", "\n").split("\n")
        for number, line in enumerate(lines, 1):
            if len(line) > BOOT_LINE_BYTES.value:
                lines[number - 1] = ""
                self.over(BOOT_LINE_BYTES, path, number)
        return lines

    def logical_lines(self, path: str, comments: str) -> Iterator[Line]:
        """The lines of a file without comments and blank ones. A backslash at the end continues a line.

        comments: the characters that start a comment where a line begins; none inside a continued line.
        """
        start, length = 0, 0
        parts: list[str] = []
        for number, line in enumerate([*self.lines(path), ""], 1):
            if not start:
                if not (stripped := line.lstrip()) or stripped[0] in comments:
                    continue
                start, parts, length = number, [], 0
            parts.append(line.removesuffix("\\"))
            length += len(line)
            if line.endswith("\\"):
                continue
            if length > BOOT_LINE_BYTES.value:
                self.over(BOOT_LINE_BYTES, path, start)
            else:
                yield Line(start, "".join(parts).strip())
            start = 0

    def text(self, path: str, limit: Limit = BOOT_FILE_BYTES) -> str | None:
        """The content of a file, what is not UTF-8 replaced; None as for lines()."""
        try:
            return self._read(path, limit)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except RefusedFileError as error:
            self.cannot_read(path, f"is {error.strerror}")
        except OSError as error:
            self.cannot_read(path, error.strerror or "cannot be read")
        return None

    def _read(self, path: str, limit: Limit) -> str | None:
        if self.files >= BOOT_FILES.value:
            self.over(BOOT_FILES, path)
            return None
        with open_regular(self._place(path), limit) as stream:
            status = os.fstat(stream.fileno())
            if (status.st_dev, status.st_ino) in self._seen:
                return None
            self._seen.add((status.st_dev, status.st_ino))
            if status.st_size > self._bytes:
                self.over(BOOT_BYTES, path)
                return None
            content = read_whole(stream, limit)
        self._bytes -= len(content)
        self.files += 1
        return content.decode("utf-8", "replace")

    def directory(self, path: str) -> list[str]:
        """The names in a directory, sorted; none if it does not exist or cannot be read."""
        try:
            with os.scandir(self._place(path)) as entries:
                names = [entry.name for entry in islice(entries, self._names + 1)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except (OSError, ValueError) as error:
            self.cannot_read(path, getattr(error, "strerror", None) or "cannot be read")
            return []
        if len(names) > self._names:
            self.over(BOOT_NAMES, path)
            names.pop()
        self._names -= len(names)
        return sorted(names)

    def matching(self, pattern: str, file: str, line: int) -> list[str]:
        """The paths that a shell pattern matches, sorted, as an include line has it.

        Relative to the directory of `file`. One with variables or quotes is reported as not understood.
        """
        if _EXPANDED & set(pattern) or len(pattern) > _LONGEST_PATTERN:
            self.cannot_read(file, f"the path {pattern} is not understood", line)
            return []
        paths = ["/"]
        for part in join(dirname(file), pattern).split("/"):
            if _MAGIC & set(part):
                paths = [join(path, name) for path in paths for name in self._matches(path, part)]
            elif part:
                paths = [join(path, part) for path in paths]
        return paths

    def _matches(self, directory: str, pattern: str) -> Iterable[str]:
        hidden = pattern.startswith(".")
        return (
            name
            for name in self.directory(directory)
            if fnmatchcase(name, pattern) and (hidden or not name.startswith("."))
        )

    def cannot_read(self, file: str, reason: str, line: int = 0) -> None:
        """Remember a file, or a line of it, that could not be read or understood. Raises TooMuchError."""
        if len(self.unread) >= BOOT_UNREAD.value:
            BOOT_UNREAD.reached()
            raise TooMuchError
        self.unread.append(Unread(file, line, reason))

    def over(self, limit: Limit, path: str, line: int = 0) -> None:
        """Remember a file, or a line of it, that is beyond a limit."""
        limit.reached()
        self.cannot_read(path, f"is beyond the limit {limit.name}", line)

    def _place(self, path: str) -> Path:
        return self._root / path.lstrip("/")

    def status(self, path: str) -> os.stat_result | None:
        """What stat(2) says about a file; None if it does not exist, or cannot be reached."""
        try:
            return self._place(path).stat()
        except (OSError, ValueError):
            return None

    def is_null(self, path: str) -> bool:
        """Whether a path leads to /dev/null, which masks a file."""
        status = self.status(path)
        return status is not None and stat.S_ISCHR(status.st_mode) and status.st_rdev == _NULL
