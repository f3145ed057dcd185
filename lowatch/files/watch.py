"""Notices that files changed, however they are replaced: by inotify events and by a slow poll.

inotify does not report changes by another host (NFS), in an overlay's lower layer, or by a mount on top,
and its instances and watches are limited. So an event is only a hint, and the poll is always on.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lowatch.core.limits.files import WATCHED_FILES

from .fingerprint import Fingerprint
from .inotify import (
    IN_ATTRIB,
    IN_CLOSE_WRITE,
    IN_CREATE,
    IN_DELETE,
    IN_DELETE_SELF,
    IN_MODIFY,
    IN_MOVE_SELF,
    IN_MOVED_FROM,
    IN_MOVED_TO,
    IN_Q_OVERFLOW,
    Event,
    Inotify,
)
from .places import Places, fingerprints, places_of, places_of_many
from .threads import NoThreadError, start_thread

_log = logging.getLogger(__name__)

QUIET = 0.1
"""Seconds without another event until listeners are notified: a file is often written in several steps."""
MAX_DELAY = 0.8
"""Seconds from the first event to the notification, if events keep coming."""
POLL_EVERY = 10.0

_SCAN_PAUSE_FACTOR = 100
"""A scan is followed by a pause of at least 100 times its duration, so scans take 1 % of the time."""

_SELF_EVENTS = IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB
_FILE_EVENTS = _SELF_EVENTS | IN_MODIFY | IN_CLOSE_WRITE
_DIRECTORY_EVENTS = _FILE_EVENTS | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO
_MAX_ROUNDS = 3
"""How often watches are set again while the paths keep changing. The poll finds what is missed then."""


@dataclass(slots=True)
class _Scan:
    """The state of scans in a thread.

    running: a scan is in progress. again: another one must follow it.
    notify: whether to notify the listeners afterwards, whatever the scan finds.
    took: seconds that the last scan took. rounds: scans since the last one that ended a series.
    """

    running: bool = False
    again: bool = False
    notify: bool = False
    took: float = 0.0
    rounds: int = 0


class FilesListener(Protocol):
    """Is notified of changes."""

    def files_changed(self) -> None:
        """Some files may have changed."""


class FileWatch:
    """Notifies its listeners, on the loop, soon after the content at some paths may have changed.

    A path may be a file or a directory (whose files count), may be reached through symbolic links, and
    need not exist yet. The watch lasts from open() to close(), which leaves no descriptor and no timer.
    """

    def __init__(self, paths: Iterable[Path], poll_every: float = POLL_EVERY) -> None:
        self._paths = tuple(paths)
        self._listeners: Sequence[FilesListener] = ()
        self._poll_every = poll_every
        self._loop = asyncio.get_running_loop()
        self._inotify: Inotify | None = None
        self._names: dict[int, frozenset[bytes] | None] = {}
        self._seen: dict[Path, Fingerprint] = {}
        self._limited = False
        self._first = self._last = 0.0
        self._notify_timer: asyncio.TimerHandle | None = None
        self._poll_timer: asyncio.TimerHandle | None = None
        self._scan = _Scan()

    def open(self, *listeners: FilesListener) -> None:
        """Notify listeners of changes from now on; if inotify is not available, by polling only.

        Many paths are watched only after a scan. The listeners are notified then, because the files may
        have changed meanwhile.
        """
        self._listeners = listeners
        self._schedule_poll()
        if self._are_many:
            self._scan_in_thread(notify=True)
        else:
            self._set_watches()
            self._seen = fingerprints(self._paths)

    def replace_paths(self, paths: Iterable[Path]) -> None:
        """Watch other paths from now on. If they are many, the listeners are notified after the scan."""
        before, self._paths = self._paths, tuple(paths)
        if self._poll_timer is None:
            return
        if not self._are_many:
            self._set_watches()
            self._seen = fingerprints(self._paths)
        elif self._paths != before:
            self._scan_in_thread(notify=True)

    def close(self) -> None:
        for timer in (self._notify_timer, self._poll_timer):
            if timer is not None:
                timer.cancel()
        self._notify_timer = self._poll_timer = None
        self._close_inotify()

    def _schedule_poll(self) -> None:
        delay = max(self._poll_every, _SCAN_PAUSE_FACTOR * self._scan.took)
        self._poll_timer = self._loop.call_later(delay, self._poll)

    # Events.

    def on_events(self, events: list[Event]) -> None:
        """Implements inotify.EventsListener."""
        if any(event.mask & IN_Q_OVERFLOW or self._is_relevant(event) for event in events):
            self._notify_later()

    def _is_relevant(self, event: Event) -> bool:
        """Whether an event is about a watched inode itself, or about a name in it that matters."""
        if event.watch not in self._names:
            return False
        names = self._names[event.watch]
        return not event.name or names is None or event.name in names

    def _notify_later(self) -> None:
        self._last = self._loop.time()
        if self._notify_timer is None:
            self._first = self._last
            self._notify_timer = self._loop.call_later(QUIET, self._notify_when_quiet)

    def _notify_when_quiet(self) -> None:
        due = min(self._last + QUIET, self._first + MAX_DELAY)
        if due > self._loop.time():
            self._notify_timer = self._loop.call_at(due, self._notify_when_quiet)
        else:
            self._notify()

    def _notify(self) -> None:
        """Watch before the notification: a change in between is then reported once more."""
        if self._notify_timer is not None:
            self._notify_timer.cancel()
        self._notify_timer = None
        if self._are_many:
            self._scan_in_thread(notify=True)
            return
        self._set_watches()
        self._seen = fingerprints(self._paths)
        self._call_listeners()

    def _call_listeners(self) -> None:
        for listener in self._listeners:
            listener.files_changed()

    def _poll(self) -> None:
        self._schedule_poll()
        if self._are_many:
            self._scan_in_thread(notify=False)
            return
        self._set_watches()
        if fingerprints(self._paths) != self._seen:
            self._notify()

    # Many paths would block the loop for too long, so a thread scans them.

    @property
    def _are_many(self) -> bool:
        return len(self._paths) > WATCHED_FILES.value

    def _scan_in_thread(self, *, notify: bool) -> None:
        """notify: whether something is known to have changed."""
        self._scan.notify |= notify
        if self._scan.running:
            self._scan.again = True
            return
        paths, loop = self._paths, self._loop

        def work() -> None:
            started = time.monotonic()
            places, seen = places_of_many(paths), fingerprints(paths)
            took = time.monotonic() - started
            with suppress(RuntimeError):  # the loop was closed
                loop.call_soon_threadsafe(self._on_scanned, places, seen, took)

        try:
            start_thread(work, "watch")
        except NoThreadError:
            return  # the next poll tries again
        self._scan.running = True

    def _on_scanned(self, places: Places, seen: dict[Path, Fingerprint], took: float) -> None:
        """Scan again if some places are watched only now: they may have changed after the scan."""
        scan = self._scan
        scan.running, scan.took = False, took
        if self._poll_timer is None:
            return
        before = self._names.keys()
        self._set_watches(places)
        scan.rounds += 1
        if scan.again or (scan.rounds < _MAX_ROUNDS and not self._names.keys() <= before):
            scan.again = False
            self._scan_in_thread(notify=False)
            if scan.running:
                return
        scan.rounds = 0
        notify = scan.notify or seen != self._seen
        scan.notify, self._seen = False, seen
        if notify:
            self._call_listeners()

    # Watches.

    def _set_watches(self, places: Places | None = None) -> None:
        """Watch the places to which the paths lead now. places: the result of a scan, if there is one."""
        try:
            if self._inotify is None:
                self._inotify = Inotify(self)
            self._watch_all(self._inotify, places)
        except OSError as error:
            self._close_inotify()
            if not self._limited:
                every = f"polling every {self._poll_every:g} s instead"
                _log.warning("inotify: %s; %s, continuing", error.strerror, every)
            self._limited = True
        else:
            self._limited = False

    def _watch_all(self, inotify: Inotify, places: Places | None) -> None:
        """Raises OSError if a limit is reached."""
        if self._are_many:
            WATCHED_FILES.reached()
            self._watch(inotify, places or places_of_many(self._paths))
            return
        places = places_of(self._paths)
        for _ in range(_MAX_ROUNDS):
            self._watch(inotify, places)
            before, places = places, places_of(self._paths)
            if places == before:
                break

    def _watch(self, inotify: Inotify, places: Places) -> None:
        """Raises OSError if a limit is reached. Places that are gone or unreadable are left to the poll."""
        names: dict[int, frozenset[bytes] | None] = {}
        for directory, more in places.directories.items():
            watch = _watch_one(inotify, directory, _DIRECTORY_EVENTS)
            if watch is not None:
                known = names.get(watch, frozenset())
                names[watch] = None if more is None or known is None else more | known
        for file in places.files:
            watch = _watch_one(inotify, file, _FILE_EVENTS)
            if watch is not None:
                names[watch] = None
        for watch in self._names.keys() - names.keys():
            _unwatch(inotify, watch)
        self._names = names

    def _close_inotify(self) -> None:
        if self._inotify is not None:
            self._inotify.close()
        self._inotify = None
        self._names = {}


def _watch_one(inotify: Inotify, path: Path, mask: int) -> int | None:
    try:
        return inotify.watch(path, mask)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None


def _unwatch(inotify: Inotify, watch: int) -> None:
    try:
        inotify.unwatch(watch)
    except OSError:
        return  # the inode is gone, and the watch with it
