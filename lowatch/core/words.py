"""Points in time and durations as text."""

from __future__ import annotations

import math
from datetime import UTC, datetime

_LAST_SECOND = 253402300799  # 9999-12-31T23:59:59Z, the last one that RFC 3339 can represent


def elapsed(seconds: float) -> str:
    """A duration in the largest unit that fits twice: "12 minutes", "47 hours"; "a moment" below 2 s."""
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return "a moment" if seconds < 2 else f"{int(seconds)} seconds"


def rfc3339(wall: float) -> str:
    """Seconds since the epoch as RFC 3339 in UTC, whole seconds: 2026-11-23T03:12:07Z."""
    second = math.floor(min(max(wall, 0), _LAST_SECOND))
    return datetime.fromtimestamp(second, UTC).isoformat().replace("+00:00", "Z")
