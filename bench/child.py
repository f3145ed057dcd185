"""Runs a process for its output. A failure is one line."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence


class ChildFailedError(Exception):
    """The command, and the last line that it wrote to standard error."""


def said(command: Sequence[str]) -> bytes:
    """Its standard output. Raises ChildFailedError if its exit code is not 0, or it cannot be run."""
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except OSError as error:
        raise ChildFailedError(f"{command[0]}: {error.strerror}") from error
    if done.returncode:
        lines = done.stderr.decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "no message")
        raise ChildFailedError(f"exit code {done.returncode}: {last}")
    return done.stdout
