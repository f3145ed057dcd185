"""Where names come from files: which there are, where to watch for changes, whether any has changed.

Nothing here opens a file. The calls block as long as stat(2) does: on a network's file system, long.
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
    """The files that a glob stands for, sorted; a path stands for itself, whether it exists or not.

    As globs go, without those that begin with a dot. At most NAMES_FILES + 1 of them.
    """
    if not has_magic(pattern):
        return [Path(pattern)]
    return sorted(Path(name) for name in islice(iglob(pattern), NAMES_FILES.value + 1))  # noqa: PTH207  # Path.glob takes no absolute ones


def states(files: Iterable[Path]) -> States:
    """The files as they are now."""
    return tuple((file, fingerprint(file)) for file in files)


@dataclass(frozen=True, slots=True)
class Sources:
    """patterns: paths and globs, absolute. seen: how their files stood before they were read."""

    patterns: tuple[str, ...] = ()
    seen: States = ()

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

    def look(self) -> States:
        """How the files stand now."""
        return states(all_matching(self.patterns))

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
        return frozenset(places_of(possible).directories)


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
