"""What `lowatch setup` would do: files of its own, commands, and what only a person can do."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class OptInFile(NamedTuple):
    """A file that lowatch alone writes. path: absolute."""

    path: str
    content: str


class SetupPlan(NamedTuple):
    """files: written before the commands, and removed after `before_undo`.

    checks: commands that come first, each with the file that goes again if it fails. commands: each is run
    in order, until one fails. before_undo, after_undo: the commands around the removal. hints: lines for a
    person.
    """

    files: tuple[OptInFile, ...]
    checks: tuple[tuple[tuple[str, ...], OptInFile], ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()
    before_undo: tuple[tuple[str, ...], ...] = ()
    after_undo: tuple[tuple[str, ...], ...] = ()
    hints: tuple[str, ...] = ()


def exists(root: Path, path: str) -> bool:
    """Whether the host has it; an ordinary user who may not look is told what root might see."""
    try:
        return (root / path.lstrip("/")).exists()
    except PermissionError:
        return True


RELOAD = ("systemctl", "daemon-reload")
RESTART = ("systemctl", "try-restart", "lowatch.service")
