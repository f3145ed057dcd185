"""Hears of systemd units that start: a cgroup is made shortly before they listen. It takes no privileges.

It is a hint: a service that reloads makes no cgroup, and many units never listen.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Protocol

from lowatch.core.limits.kernel import SLICES_WATCHED
from lowatch.files.inotify import (
    IN_CREATE,
    IN_IGNORED,
    IN_ISDIR,
    IN_ONLYDIR,
    IN_Q_OVERFLOW,
    Event,
    Inotify,
)

from .cgroups import ROOTS, root_of

_log = logging.getLogger(__name__)

_SLICE = ".slice"
_SYSTEM = f"system{_SLICE}"


class StartHints(Protocol):
    def unit_starts(self) -> None:
        """Some unit starts, and may listen soon."""


class UnitStarts:
    """Watches the slices of the cgroup tree. Units are directories in them. Implements EventsListener."""

    def __init__(self, hints: StartHints, roots: tuple[Path, ...] = ROOTS) -> None:
        self._hints = hints
        self._root = root_of(roots)
        self._inotify: Inotify | None = None
        self._slices: dict[int, Path] = {}
        self.works = False
        """Whether system.slice is watched, where services are."""

    def open(self) -> None:
        """Watch from now on, if there are slices. Call it inside the loop."""
        if self._root is None:
            return
        try:
            self._inotify = Inotify(self)
            self._watch(self._root)
        except OSError as error:
            _log.info("units that start are not noticed: inotify: %s, continuing", error.strerror)
            self.close()

    def close(self) -> None:
        self.works = False
        self._slices.clear()
        if self._inotify is not None:
            self._inotify.close()
            self._inotify = None

    def on_events(self, events: list[Event]) -> None:
        starts = False
        for watch, mask, name in events:
            path = self._slices.get(watch)
            if mask & IN_IGNORED:
                self._slices.pop(watch, None)
            elif mask & IN_Q_OVERFLOW or (path is not None and mask & IN_ISDIR):
                starts = True
                if path is not None and name.endswith(_SLICE.encode()):
                    self._watch_more(path / os.fsdecode(name))
        if starts:
            self._hints.unit_starts()

    def _watch_more(self, made: Path) -> None:
        try:
            self._watch(made)
        except OSError as error:
            _log.info("units of %s that start are not noticed: %s, continuing", made.name, error.strerror)

    def _watch(self, top: Path) -> None:
        """Watch a slice and those in it. Raises OSError if no more can be watched."""
        pending = [top]
        while pending and self._inotify is not None:
            path = pending.pop()
            if len(self._slices) >= SLICES_WATCHED.value:
                SLICES_WATCHED.reached()
                return
            try:
                # The watch comes first: what is made meanwhile is an event, or is listed.
                self._slices[self._inotify.watch(path, IN_CREATE | IN_ONLYDIR)] = path
                pending += [one for one in path.glob(f"*{_SLICE}") if one.is_dir()]
            except FileNotFoundError:
                continue
            self.works |= path.name == _SYSTEM
