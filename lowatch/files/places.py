"""The places where a path can change: each directory and file that may report an event about it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from .fingerprint import Fingerprint, fingerprint_with_entries

_MAX_LINKS = 40  # MAXSYMLINKS of <linux/namei.h>
_ANY = None


class Places(NamedTuple):
    """directories: real path -> the names in it that matter, None for all names. files: real paths."""

    directories: dict[Path, frozenset[bytes] | None]
    files: frozenset[Path]


def places_of(paths: Iterable[Path]) -> Places:
    """The places of some paths. For a path that does not exist: the directory where it would appear.

    Symbolic links are followed one by one, because each may be replaced: its directory is a place too.
    The rename of a parent directory is not noticed here; the poll finds that the path is gone.
    """
    names: dict[Path, set[bytes] | None] = {}
    files: set[Path] = set()
    for path in paths:
        end = _follow(path.absolute(), names)
        if end is None:
            continue
        if _is(end, stat.S_ISDIR):
            names[end] = _ANY
        else:
            files.add(end)
    fixed = {place: None if known is None else frozenset(known) for place, known in names.items()}
    return Places(fixed, frozenset(files))


def places_of_many(paths: Iterable[Path]) -> Places:
    """As places_of(), in a tenth of the time: directories are resolved once, and files are not places.

    Writes to a file through another path, such as a hard link or a bind mount, are left to the poll.
    """
    names: dict[Path, set[bytes] | None] = {}
    real: dict[Path, Path | None] = {}
    for path in paths:
        parent = path.parent
        if parent not in real:
            real[parent] = _follow(parent.absolute(), names)
        directory = real[parent]
        if directory is None:
            continue
        _add(names, directory, path.name)
        end: Path | None = directory / path.name
        if os.path.islink(end):  # type: ignore[arg-type]  # noqa: PTH114  # unlike Path's, it never raises
            end = _follow(directory / path.name, names)
        if end is not None and _is(end, stat.S_ISDIR):
            names[end] = _ANY
    fixed = {place: None if known is None else frozenset(known) for place, known in names.items()}
    return Places(fixed, frozenset())


def fingerprints(paths: Iterable[Path]) -> dict[Path, Fingerprint]:
    """The fingerprint of each path. That of a directory includes its files, which are omitted."""
    all_paths = dict.fromkeys(paths)
    parents = {path.parent for path in all_paths}
    directories = {path for path in parents if path in all_paths and _is(path, stat.S_ISDIR)}
    return {path: fingerprint_with_entries(path) for path in all_paths if path.parent not in directories}


def _follow(path: Path, names: dict[Path, set[bytes] | None]) -> Path | None:
    """The real path; None if there is none. Adds the directories on the way that matter to `names`."""
    here = Path("/")
    steps = list(path.parts[:0:-1])
    links = 0
    while steps:
        step = steps.pop()
        if step == "..":
            here = here.parent
            continue
        place = here / step
        try:
            target = place.readlink()
        except OSError:
            exists = _is(place, bool)
            if not exists or not steps:
                _add(names, here, step)
            if not exists:
                return None
            here = place
            continue
        _add(names, here, step)
        links += 1
        if links > _MAX_LINKS:
            return None
        if target.is_absolute():
            here = Path("/")
        steps += [part for part in reversed(target.parts) if part != "/"]
    return here


def _is(path: Path, kind: Callable[[int], bool]) -> bool:
    """Whether the path exists and is of a kind. A path that cannot be looked at counts as missing."""
    try:
        return kind(path.stat().st_mode)
    except OSError:
        return False


def _add(names: dict[Path, set[bytes] | None], directory: Path, name: str) -> None:
    known = names.setdefault(directory, set())
    if known is not None:
        known.add(os.fsencode(name))
