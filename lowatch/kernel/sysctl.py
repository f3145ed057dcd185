"""conf.all's arp_ignore and arp_announce: the only settings looked at that no netlink message carries.

They are in /proc/sys, which a unit with ProcSubset=pid does not have; it has /proc/sys/net bound
elsewhere (packaging/systemd/lowatch.service). Nothing tells when they change: read them again.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from lowatch.core.arp import ArpSettings
from lowatch.core.known import Unknown

PROC = Path("/proc/sys/net")
BOUND = Path("/run/lowatch-sysnet")
"""Where the unit binds it: BindReadOnlyPaths=/proc/sys/net:/run/lowatch-sysnet."""

_SETTINGS = [Path("ipv4/conf/all", name) for name in ("arp_ignore", "arp_announce")]
_SIZE = 32


class ConfAll:
    """Kept open: a look is two pread(), some microseconds.

    /proc/sys/net is that of the network namespace in which it is opened: of whoever reads first.
    """

    def __init__(self, places: Sequence[Path] = (PROC, BOUND)) -> None:
        self._places = places
        self._files: list[int] = []

    def read(self) -> ArpSettings | Unknown:
        """Never raises. What failed is opened anew the next time."""
        try:
            if not self._files:
                self._files = self._open()
            return ArpSettings(*[int(os.pread(file, _SIZE, 0)) for file in self._files])
        except (OSError, ValueError) as error:
            self.close()
            return Unknown("sysctl", f"net.ipv4.conf.all: {error}")

    def _open(self) -> list[int]:
        """From the first place that has them. Raises OSError, of each place that has not."""
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
