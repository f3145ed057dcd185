"""Noticing that files changed, however they are replaced: by events, and by a slow look for what has none.

inotify says nothing of changes made by another host (NFS), in an overlay's lower layer, or by a mount on
top; its numbers of instances and watches are limited. So an event is a hint, and the poll is never off.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lowatch.core.limits import WATCHED_FILES

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
from .places import Fingerprint, Places, fingerprints, places_of, places_of_many
from .threads import NoThreadError, start_thread

_log = logging.getLogger(__name__)

QUIET = 0.1
"""Seconds without another event until changed() is called: a file is written in several steps."""
AT_THE_LATEST = 0.8
"""Seconds after the first event, if it never gets quiet."""
POLL_EVERY = 10.0

_REST_OF_LOOKING = 100
"""Times as long as it took, at least, until the next poll."""

_OF_ITSELF = IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB
_OF_FILE = _OF_ITSELF | IN_MODIFY | IN_CLOSE_WRITE
_OF_DIRECTORY = _OF_FILE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO
_ARMED_AT_MOST = 3
"""Times, while the paths change as they are being watched. The poll knows better in the end."""


@dataclass(slots=True)
class _Survey:
    """A look off the loop. running: one is under way. again: another one is wanted after it.

    tell: whether to call changed() in the end, whatever is found. took: seconds, the last one.
    rounds: looks since something was told, or nothing was found to tell.
    """

    running: bool = False
    again: bool = False
    tell: bool = False
    took: float = 0.0
    rounds: int = 0


class FileWatch:
    """changed() is called by the loop, some time after anything may have changed at the paths.

    A path may be a file or a directory (then its files count), behind symbolic links, or not there yet.
    From open() until close(): then no descriptor and no timer is left.
    """

    def __init__(
        self, paths: Iterable[Path], changed: Callable[[], None], poll_every: float = POLL_EVERY
    ) -> None:
        self._paths = tuple(paths)
        self._changed = changed
        self._poll_every = poll_every
        self._inotify: Inotify | None = None
        self._names: dict[int, frozenset[bytes] | None] = {}
        self._seen: dict[Path, Fingerprint] = {}
        self._limited = False
        self._first = self._last = 0.0
        self._telling: asyncio.TimerHandle | None = None
        self._polling: asyncio.TimerHandle | None = None
        self._survey = _Survey()

    def open(self) -> None:
        """What changes from now on is told of. Where inotify cannot be had, the poll has to do.

        Where the paths are many, changed() is called once they are watched, for they may have changed by
        then.
        """
        self._loop = asyncio.get_running_loop()
        self._poll_later()
        if self._are_many:
            self._look_off_the_loop(tell=True)
        else:
            self._arm()
            self._seen = self._look()

    def replace_paths(self, paths: Iterable[Path]) -> None:
        """Watch these from now on. Where they are many, changed() is called once they are watched."""
        before, self._paths = self._paths, tuple(paths)
        if self._polling is None:
            return
        if not self._are_many:
            self._arm()
            self._seen = self._look()
        elif self._paths != before:
            self._look_off_the_loop(tell=True)

    def close(self) -> None:
        for timer in (self._telling, self._polling):
            if timer is not None:
                timer.cancel()
        self._telling = self._polling = None
        self._let_go()

    def _look(self) -> dict[Path, Fingerprint]:
        return fingerprints(self._paths)

    def _poll_later(self) -> None:
        """A look takes a hundredth of the time at most."""
        after = max(self._poll_every, _REST_OF_LOOKING * self._survey.took)
        self._polling = self._loop.call_later(after, self._poll)

    # Events.

    def _heard(self, events: list[Event]) -> None:
        if any(event.mask & IN_Q_OVERFLOW or self._concerns_us(event) for event in events):
            self._touched()

    def _concerns_us(self, event: Event) -> bool:
        """Whether it is about a watched inode itself, or about a name in it that matters."""
        if event.watch not in self._names:
            return False
        names = self._names[event.watch]
        return not event.name or names is None or event.name in names

    def _touched(self) -> None:
        self._last = self._loop.time()
        if self._telling is None:
            self._first = self._last
            self._telling = self._loop.call_later(QUIET, self._tell_when_quiet)

    def _tell_when_quiet(self) -> None:
        due = min(self._last + QUIET, self._first + AT_THE_LATEST)
        if due > self._loop.time():
            self._telling = self._loop.call_at(due, self._tell_when_quiet)
        else:
            self._tell()

    def _tell(self) -> None:
        """Watch first, and let them look then: what changes in between is told of once more."""
        if self._telling is not None:
            self._telling.cancel()
        self._telling = None
        if self._are_many:
            self._look_off_the_loop(tell=True)
            return
        self._arm()
        self._seen = self._look()
        self._changed()

    def _poll(self) -> None:
        self._poll_later()
        if self._are_many:
            self._look_off_the_loop(tell=False)
            return
        self._arm()
        if self._look() != self._seen:
            self._tell()

    # Many paths, which take the loop too long: a thread looks.

    @property
    def _are_many(self) -> bool:
        return len(self._paths) > WATCHED_FILES.value

    def _look_off_the_loop(self, *, tell: bool) -> None:
        """tell: whether something is known to have changed."""
        self._survey.tell |= tell
        if self._survey.running:
            self._survey.again = True
            return
        paths, loop = self._paths, self._loop

        def work() -> None:
            began = time.monotonic()
            places, seen = places_of_many(paths), fingerprints(paths)
            took = time.monotonic() - began
            with suppress(RuntimeError):  # the loop was closed
                loop.call_soon_threadsafe(self._looked, places, seen, took)

        try:
            start_thread(work, "watch")
        except NoThreadError:
            return  # the next poll tries again
        self._survey.running = True

    def _looked(self, places: Places, seen: dict[Path, Fingerprint], took: float) -> None:
        """Of what has been watched only now, a look before that may have missed a change: look again."""
        survey = self._survey
        survey.running, survey.took = False, took
        if self._polling is None:
            return
        before = self._names.keys()
        self._arm(places)
        survey.rounds += 1
        if survey.again or (survey.rounds < _ARMED_AT_MOST and not self._names.keys() <= before):
            survey.again = False
            self._look_off_the_loop(tell=False)
            if survey.running:
                return
        survey.rounds = 0
        tell = survey.tell or seen != self._seen
        survey.tell, self._seen = False, seen
        if tell:
            self._changed()

    # What is watched.

    def _arm(self, places: Places | None = None) -> None:
        """Watch where the paths lead now. places: as it was found, where that is known."""
        try:
            if self._inotify is None:
                self._inotify = Inotify(self._heard)
            self._watch_all(self._inotify, places)
        except OSError as error:
            self._let_go()
            if not self._limited:
                every = f"looking every {self._poll_every:g} s instead"
                _log.warning("inotify: %s; %s, continuing", error.strerror, every)
            self._limited = True
        else:
            self._limited = False

    def _watch_all(self, inotify: Inotify, places: Places | None) -> None:
        """Raises OSError where a limit is met."""
        if self._are_many:
            WATCHED_FILES.reached()
            self._watch(inotify, places or places_of_many(self._paths))
            return
        places = places_of(self._paths)
        for _ in range(_ARMED_AT_MOST):
            self._watch(inotify, places)
            before, places = places, places_of(self._paths)
            if places == before:
                break

    def _watch(self, inotify: Inotify, places: Places) -> None:
        """Raises OSError where a limit is met; what went or may not be read is left to the poll."""
        names: dict[int, frozenset[bytes] | None] = {}
        for directory, some in places.directories.items():
            watch = _watch_one(inotify, directory, _OF_DIRECTORY)
            if watch is not None:
                known = names.get(watch, frozenset())
                names[watch] = None if some is None or known is None else some | known
        for file in places.files:
            watch = _watch_one(inotify, file, _OF_FILE)
            if watch is not None:
                names[watch] = None
        for watch in self._names.keys() - names.keys():
            _unwatch(inotify, watch)
        self._names = names

    def _let_go(self) -> None:
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
        return  # its inode has gone, and the watch with it
