"""Whose a socket is, as far as it can be known from a user namespace (PrivateUsers= of the unit)."""

from __future__ import annotations

from pathlib import Path

_OVERFLOW_UID = 65534
"""What user_namespaces(7) shows of a uid without a mapping. (/proc/sys/kernel/overflowuid is hidden.)"""
_ALL_UIDS = 2**32 - 1


def foreign_uid(uid_map: Path = Path("/proc/self/uid_map")) -> int | None:
    """The uid that says nothing here; None where each one is mapped and means what it says."""
    try:
        mapped = sum(int(line.split()[2]) for line in uid_map.read_text("ascii").splitlines())
    except (OSError, ValueError, IndexError):
        return None
    return _OVERFLOW_UID if mapped < _ALL_UIDS else None
