"""The files of [[domains_from]]: which exist, where to watch for changes, and whether any has changed.

No file is opened here. Calls block as long as stat(2) does, which is long on a slow network file system.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from glob import has_magic, iglob
from itertools import islice
from pathlib import Path

from lowatch.core.limits.config import NAMES_FILES
from lowatch.files.fingerprint import Fingerprint, fingerprint
from lowatch.files.places import places_of

States = tuple[tuple[Path, Fingerprint], ...]
"""Files and their fingerprints, in order."""


def matching(pattern: str) -> list[Path]:
    """The files that a pattern matches, sorted, at most NAMES_FILES + 1.

    A path without wildcards matches itself, whether it exists or not. Wildcards do not match a leading dot.
    """
    if not has_magic(pattern):
        return [Path(pattern)]
    return sorted(Path(name) for name in islice(iglob(pattern), NAMES_FILES.value + 1))  # noqa: PTH207  # Path.glob takes no absolute ones


def states(files: Iterable[Path]) -> States:
    """The files as they are now."""
    return tuple((file, fingerprint(file)) for file in files)


@dataclass(frozen=True, slots=True)
class Sources:
    """The patterns of all [[domains_from]], and their files.

    patterns: absolute paths and globs. seen: the fingerprints of their files just before they were read.
    """

    patterns: tuple[str, ...] = ()
    seen: States = ()

    def __bool__(self) -> bool:
        return bool(self.patterns)

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(file for file, _ in self.seen)

    def changed(self) -> bool:
        """Whether other files match now, or a file was replaced or written to since before it was read."""
        return self.look() != self.seen

    def look(self) -> States:
        """The files that match now, and their fingerprints."""
        return states(all_matching(self.patterns))

    def fixed_parts(self) -> frozenset[Path]:
        """The directory of each pattern that all its files are in or below."""
        return frozenset(map(fixed_part, self.patterns))

    def directories(self) -> frozenset[Path]:
        """The directories where a new file may match a glob, which must be watched as a whole.

        They include the directories of symlinks on the way, and in place of a missing directory the nearest
        one that exists. They change as the files do. Paths without wildcards are watched themselves.
        """
        globs = [Path(pattern) for pattern in self.patterns if has_magic(pattern)]
        possible = [directory / "*" for glob in globs for directory in _searched(glob)]
        return frozenset(places_of(possible).directories)


def all_matching(patterns: Iterable[str]) -> list[Path]:
    """The files of all patterns, in their order, each once."""
    return list(dict.fromkeys(file for pattern in patterns for file in matching(pattern)))


def fixed_part(pattern: str) -> Path:
    """The directory that all files of a pattern are in or below."""
    directory = Path(pattern).parent
    while has_magic(str(directory)):
        directory = directory.parent
    return directory


def _searched(pattern: Path) -> Iterator[Path]:
    """The directories that a glob lists."""
    while has_magic(str(pattern.parent)):
        pattern = pattern.parent
        yield from matching(str(pattern))
    yield pattern.parent
