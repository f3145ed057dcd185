"""Which uids of sockets are visible from a user namespace (PrivateUsers= of the unit)."""

from __future__ import annotations

from pathlib import Path

_OVERFLOW_UID = 65534
"""How a uid without a mapping appears (user_namespaces(7)). The unit cannot read overflowuid in /proc."""
_ALL_UIDS = 2**32 - 1


def foreign_uid(uid_map: Path = Path("/proc/self/uid_map")) -> int | None:
    """The uid that stands for every unmapped uid; None if all uids are mapped."""
    try:
        mapped = sum(int(line.split()[2]) for line in uid_map.read_text("ascii").splitlines())
    except (OSError, ValueError, IndexError):
        return None
    return _OVERFLOW_UID if mapped < _ALL_UIDS else None
