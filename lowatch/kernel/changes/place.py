"""Which host, boot and network namespace this process is in: where an undo script applies."""

from __future__ import annotations

import platform
from pathlib import Path

from lowatch.core.changes.rows import ChangeError
from lowatch.core.changes.undo import Undo

_BOOT, _NETNS = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/thread-self/ns/net")


def new_undo(now: float) -> Undo:
    """An undo of nothing yet, here. now: wall-clock seconds. Raises ChangeError."""
    try:
        return Undo(platform.node(), _BOOT.read_text("ascii").strip(), _NETNS.stat().st_ino, now)
    except OSError as error:
        raise ChangeError(f"{error.filename}: {error.strerror}") from None
