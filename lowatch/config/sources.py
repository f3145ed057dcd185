"""Where names come from files: which there are, where to watch for changes, whether any has changed.

Nothing here opens a file. The calls block as long as stat(2) does: on a network's file system, long.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from glob import has_magic, iglob
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from lowatch.core.limits.config import NAMES_FILES

_SYMLINKS_LIMIT = 40
"""As in path_resolution(7)."""


class Stamp(NamedTuple):
    """What changes when a file does. Symlinks are followed; the times are in nanoseconds.

    change_time: chmod(2) moves no other, and may be what makes a file readable.
    """

    device: int
    inode: int
    size: int
    modified: int
    change_time: int


Fingerprint = tuple[tuple[Path, Stamp | None], ...]
"""Each file and its stamp, None where it has none: a symlink that leads nowhere."""


def matching(pattern: str) -> list[Path]:
    """The files that a glob stands for, sorted; a path stands for itself, whether it exists or not.

    As globs go, without those that begin with a dot. At most NAMES_FILES + 1 of them.
    """
    if not has_magic(pattern):
        return [Path(pattern)]
    return sorted(Path(name) for name in islice(iglob(pattern), NAMES_FILES.value + 1))  # noqa: PTH207  # Path.glob takes no absolute ones


def fingerprint(files: Iterable[Path]) -> Fingerprint:
    return tuple((file, _stamp(file)) for file in files)


def _stamp(file: Path) -> Stamp | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@dataclass(frozen=True, slots=True)
class Sources:
    """patterns: paths and globs, absolute. seen: how their files stood before they were read."""

    patterns: tuple[str, ...] = ()
    seen: Fingerprint = ()

    def __bool__(self) -> bool:
        return bool(self.patterns)

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(file for file, _ in self.seen)

    def changed(self) -> bool:
        """Whether another file matches now, or one of them is another or has been written to.

        What was written while it was being read counts as changed.
        """
        return self.look() != self.seen

    def look(self) -> Fingerprint:
        """How the files stand now."""
        return fingerprint(all_matching(self.patterns))

    def fixed_parts(self) -> frozenset[Path]:
        """Of each pattern the directory that all its files are in or below."""
        return frozenset(map(fixed_part, self.patterns))

    def directories(self) -> frozenset[Path]:
        """The directories in which another file may come to match a glob: for inotify to watch whole.

        Those of every symlink on the way to them, too; of one that does not exist, the nearest that does.
        They change as the files do. (A path that is none of a glob is for itself to be watched.)
        """
        globs = [Path(pattern) for pattern in self.patterns if has_magic(pattern)]
        possible = [place / "*" for glob in globs for place in _searched(glob)]
        return frozenset(_standing(place) for file in possible for place in _way_to(file))


def all_matching(patterns: Iterable[str]) -> list[Path]:
    """The files of all patterns, in their order, each once."""
    return list(dict.fromkeys(file for pattern in patterns for file in matching(pattern)))


def fixed_part(pattern: str) -> Path:
    """The directory that all its files are in or below."""
    directory = Path(pattern).parent
    while has_magic(str(directory)):
        directory = directory.parent
    return directory


def _searched(pattern: Path) -> Iterator[Path]:
    """The directories that a glob looks into."""
    while has_magic(str(pattern.parent)):
        pattern = pattern.parent
        yield from matching(str(pattern))
    yield pattern.parent


def _way_to(file: Path) -> Iterator[Path]:
    """The directories that hold its name, and the name of each symlink that leads to it."""
    for _ in range(_SYMLINKS_LIMIT):
        links = [part for part in (*reversed(file.parents), file) if os.path.islink(part)]  # noqa: PTH114  # raises nothing
        if not links:
            break
        first = links[0]
        yield _normal(first.parent)
        try:
            file = first.parent / first.readlink() / file.relative_to(first)
        except OSError:  # it has just gone
            return
    yield _normal(file.parent)


def _normal(directory: Path) -> Path:
    """Without any "..": to be asked only where no symlink is on the way."""
    return Path(os.path.normpath(directory))


def _standing(directory: Path) -> Path:
    """The directory itself, or the nearest above it that exists."""
    while not os.path.isdir(directory) and directory != directory.parent:  # noqa: PTH112  # raises nothing
        directory = directory.parent
    return directory
