"""The directories that systemd makes for the unit, and names in its environment (systemd.exec(5))."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def state_directory(environ: Mapping[str, str]) -> Path | None:
    """None where $STATE_DIRECTORY is unset."""
    return _first(environ, "STATE_DIRECTORY")


def runtime_directory(environ: Mapping[str, str]) -> Path | None:
    """None where $RUNTIME_DIRECTORY is unset."""
    return _first(environ, "RUNTIME_DIRECTORY")


def _first(environ: Mapping[str, str], name: str) -> Path | None:
    """Of several, separated by colons."""
    first = environ.get(name, "").split(":")[0]
    return Path(first) if first else None
