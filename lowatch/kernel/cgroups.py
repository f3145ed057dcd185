"""Maps a socket's cgroup to its systemd unit. No privileges are needed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from lowatch.core.limits.kernel import CGROUPS

_UNIT_SUFFIXES = (".service", ".socket", ".scope", ".mount", ".swap")
ROOTS = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))
_PAUSE_FACTOR = 20
"""A walk is followed by a pause of 20 times its duration, so walking takes at most 5 % of the time."""
_LEAF_LINKS = 2
"""st_nlink of a directory without subdirectories (kernfs_refresh_inode(), fs/kernfs/inode.c)."""


def root_of(roots: tuple[Path, ...]) -> Path | None:
    """The first of these that is the root of cgroup2."""
    return next((root for root in roots if (root / "cgroup.controllers").exists()), None)


class CgroupUnits:
    """The units of all cgroups, by INET_DIAG_CGROUP_ID, which is the st_ino of the cgroup2 directory.

    The tree is walked once, and again for an id that is not known. An id that a walk does not find is never
    looked for again, because the kernel never reuses inode numbers of cgroups (kernfs ids count up).
    A walk forgets cgroups that are gone.

    The outermost unit on a cgroup's path counts, as in systemd (cg_path_get_unit(),
    src/basic/cgroup-util.c): whatever is below it was created by that unit, by a user's manager
    (user@1000.service) or inside a container.
    """

    def __init__(self, roots: tuple[Path, ...] = ROOTS, now: Callable[[], float] = time.monotonic) -> None:
        self._root = root_of(roots)
        self._now = now
        self._units: dict[int, str | None] = {}
        self._paused_until = float("-inf")
        self._skipped = False

    def __len__(self) -> int:
        """The number of cgroups that are known."""
        return len(self._units)

    def unit(self, cgroup: int | None) -> str | None:
        """The unit's name, e.g. "nginx.service"; None for a cgroup that is gone or outside any unit.

        Also None for a cgroup that is not known while no walk is allowed; retry_due() reports that later.
        """
        if cgroup is None or self._root is None:
            return None
        if cgroup not in self._units:
            started = self._now()
            if started < self._paused_until:
                self._skipped = True
                return None
            self._units = {cgroup: None}
            self._walk(str(self._root), None)
            ended = self._now()
            self._paused_until = ended + _PAUSE_FACTOR * (ended - started)
        return self._units[cgroup]

    def retry_due(self) -> bool:
        """Whether a look-up was skipped and a walk is allowed again. True once per skipped look-up."""
        if not self._skipped or self._now() < self._paused_until:
            return False
        self._skipped = False
        return True

    def unit_of_thread(self, thread: int) -> str | None:
        """The unit that a thread of this PID namespace is in now; None if it is gone, or in none.

        It reads the cgroup.threads of every unit: 2 ms on a host with 170 cgroups.
        """
        line, pending, read = b"%d" % thread, [(str(self._root), "")] if self._root else [], 0
        while pending and read < CGROUPS.value:
            directory, unit = pending.pop()
            read += 1
            if unit and line in _threads(directory):
                return unit
            try:
                with os.scandir(directory) as entries:
                    children = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
            except OSError:
                continue  # removed meanwhile
            pending += [
                (f"{directory}/{name}", unit or (name if name.endswith(_UNIT_SUFFIXES) else ""))
                for name in children
            ]
        return None

    def _walk(self, top: str, unit: str | None) -> None:
        """Record every cgroup below `top`. The sixty files of those without children are not listed."""
        pending = [(top, unit)]
        while pending:
            directory, unit = pending.pop()
            try:
                with os.scandir(directory) as entries:
                    children = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
            except OSError:
                continue  # removed during the walk
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
                if status.st_nlink != _LEAF_LINKS:
                    pending.append((path, owner))


def _threads(directory: str) -> list[bytes]:
    """Of a cgroup alone; none if it is gone, or of a type that has none."""
    try:
        return Path(directory, "cgroup.threads").read_bytes().split()
    except OSError:
        return []
