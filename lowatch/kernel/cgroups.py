"""From a socket's cgroup to the systemd unit that owns it, without any privilege."""

from __future__ import annotations

import os
from pathlib import Path

_UNIT_SUFFIXES = (".service", ".socket", ".scope", ".mount", ".swap")
_ROOTS = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))


class CgroupUnits:
    """INET_DIAG_CGROUP_ID is the st_ino of a cgroup2 directory: walk the tree once, and cache it.

    An id that is not known walks again, at most once for each id that stays unknown: inode numbers of
    cgroups are never used twice (kernfs ids count up).
    """

    def __init__(self, roots: tuple[Path, ...] = _ROOTS) -> None:
        self._root = next((root for root in roots if (root / "cgroup.controllers").exists()), None)
        self._units: dict[int, str | None] = {}

    def unit(self, cgroup: int | None) -> str | None:
        """As systemd names it ("nginx.service"); None for a cgroup outside any unit, or gone."""
        if cgroup is None or self._root is None:
            return None
        if cgroup not in self._units:
            self._walk(self._root)
            self._units.setdefault(cgroup, None)
        return self._units[cgroup]

    def _walk(self, root: Path) -> None:
        for directory, names, _ in os.walk(root):
            for name in names:
                path = Path(directory, name)
                try:
                    self._units.setdefault(path.stat().st_ino, _unit_of(path.relative_to(root)))
                except OSError:
                    continue  # it went while we walked


def _unit_of(path: Path) -> str | None:
    """The innermost unit along a cgroup's path: a service may have cgroups of its own below."""
    return next((part for part in reversed(path.parts) if part.endswith(_UNIT_SUFFIXES)), None)
