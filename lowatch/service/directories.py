"""The directories that systemd creates for the unit and passes in its environment (systemd.exec(5))."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def state_directory(environ: Mapping[str, str]) -> Path | None:
    """The first directory in $STATE_DIRECTORY; None if it is unset."""
    return _first(environ, "STATE_DIRECTORY")


def runtime_directory(environ: Mapping[str, str]) -> Path | None:
    """The first directory in $RUNTIME_DIRECTORY; None if it is unset."""
    return _first(environ, "RUNTIME_DIRECTORY")


def _first(environ: Mapping[str, str], name: str) -> Path | None:
    """The first of several paths, which are separated by colons."""
    first = environ.get(name, "").split(":")[0]
    return Path(first) if first else None
