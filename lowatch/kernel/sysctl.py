"""Reads arp_ignore and arp_announce of net.ipv4.conf.all, which no netlink message contains.

A unit with ProcSubset=pid has no /proc/sys, so lowatch.service binds /proc/sys/net to another path. No
event reports a change, so the values are read at each audit.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from lowatch.core.arp import ArpSettings
from lowatch.core.known import Unknown

PROC = Path("/proc/sys/net")
BOUND = Path("/run/lowatch-sysnet")
"""Where the unit binds /proc/sys/net: BindReadOnlyPaths=/proc/sys/net:/run/lowatch-sysnet."""

_SETTINGS = [Path("ipv4/conf/all", name) for name in ("arp_ignore", "arp_announce")]
_SIZE = 32


class ConfAll:
    """Reads the settings of the network namespace in which the first read() happens.

    The files stay open: a read is two pread() calls, a few microseconds.
    """

    def __init__(self, places: Sequence[Path] = (PROC, BOUND)) -> None:
        self._places = places
        self._files: list[int] = []

    def read(self) -> ArpSettings | Unknown:
        """The settings. Never raises: after a failure the next call opens the files again."""
        try:
            if not self._files:
                self._files = self._open()
            return ArpSettings(*[int(os.pread(file, _SIZE, 0)) for file in self._files])
        except (OSError, ValueError) as error:
            self.close()
            return Unknown("sysctl", f"net.ipv4.conf.all: {error}")

    def _open(self) -> list[int]:
        """The files in the first place that has them. Raises OSError with the failure of every place."""
        failures = []
        for place in self._places:
            try:
                return _open_all(place)
            except OSError as error:
                failures.append(f"{error.filename}: {error.strerror}")
        raise OSError("; ".join(failures))

    def close(self) -> None:
        for file in self._files:
            os.close(file)
        self._files = []


def _open_all(place: Path) -> list[int]:
    files: list[int] = []
    try:
        files.extend(os.open(place / name, os.O_RDONLY | os.O_CLOEXEC) for name in _SETTINGS)
    except OSError:
        for file in files:
            os.close(file)
        raise
    return files
