"""From a socket's cgroup to the systemd unit that owns it, without any privilege."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from lowatch.core.limits import CGROUPS

_UNIT_SUFFIXES = (".service", ".socket", ".scope", ".mount", ".swap")
_ROOTS = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))
_REST = 20
"""Times as long as it took: no more than a twentieth of the time is spent on walking the tree."""
_LEAF = 2
"""Links of a directory without any below it (kernfs_refresh_inode(), fs/kernfs/inode.c)."""


class CgroupUnits:
    """INET_DIAG_CGROUP_ID is the st_ino of a cgroup2 directory: walk the tree once, and keep the units.

    An id that is not known walks again; one that stays unknown is not looked for again, for inode numbers
    of cgroups are never used twice (kernfs ids count up). Of what is gone nothing is kept.

    The outermost unit along a cgroup's path counts, as for systemd (cg_path_get_unit(),
    src/basic/cgroup-util.c): what is below, by whatever name, was made by that unit itself, by a user's
    manager (user@1000.service) or inside a container.
    """

    def __init__(self, roots: tuple[Path, ...] = _ROOTS, now: Callable[[], float] = time.monotonic) -> None:
        self._root = next((root for root in roots if (root / "cgroup.controllers").exists()), None)
        self._now = now
        self._units: dict[int, str | None] = {}
        self._rests_until = float("-inf")
        self._missed = False

    def unit(self, cgroup: int | None) -> str | None:
        """As systemd names it ("nginx.service"); None for a cgroup outside any unit, or gone.

        None too for one that is not known while the walk rests: then `missed()` will say so.
        """
        if cgroup is None or self._root is None:
            return None
        if cgroup not in self._units:
            began = self._now()
            if began < self._rests_until:
                self._missed = True
                return None
            self._units = {cgroup: None}
            self._walk(str(self._root), None)
            ended = self._now()
            self._rests_until = ended + _REST * (ended - began)
        return self._units[cgroup]

    def missed(self) -> bool:
        """Whether a unit was not looked for that can be looked for now. Says so once."""
        if not self._missed or self._now() < self._rests_until:
            return False
        self._missed = False
        return True

    def _walk(self, top: str, unit: str | None) -> None:
        """Most cgroups have none below: their sixty files are not listed."""
        below = [(top, unit)]
        while below:
            directory, unit = below.pop()
            try:
                with os.scandir(directory) as entries:
                    children = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
            except OSError:
                continue  # it went while we walked
            for name in children:
                if len(self._units) >= CGROUPS.value:
                    CGROUPS.reached()
                    return
                path = f"{directory}/{name}"
                try:
                    status = os.stat(path)  # noqa: PTH116  # a Path takes three times as long
                except OSError:
                    continue
                owner = unit or (name if name.endswith(_UNIT_SUFFIXES) else None)
                self._units[status.st_ino] = owner
                if status.st_nlink != _LEAF:
                    below.append((path, owner))
