"""Writes the bug report of `check --verify`: a redacted recording, readable by its owner only."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lowatch.core.recording.recording import Recording

_KEY_BYTES = 32


def write_report(recording: Recording) -> str:
    """The path of a new file in $TMPDIR or /tmp, which nobody else can read. Raises OSError."""
    from lowatch.core.recording.redaction import redacted  # noqa: PLC0415  # only once something is wrong
    from lowatch.report.recording import recording_pieces  # noqa: PLC0415

    descriptor, path = tempfile.mkstemp(prefix="lowatch-verify-", suffix=".json")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.writelines(recording_pieces(redacted(recording, secrets.token_bytes(_KEY_BYTES))))
    except BaseException:
        with suppress(OSError):
            Path(path).unlink()
        raise
    return path
