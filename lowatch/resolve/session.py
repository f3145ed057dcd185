"""What exists while the engine runs: the schedule, the nameservers' channels, lookups under way."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterable

from .channel import Environment
from .lookup import Lookup
from .names import Names, Track
from .nameservers import NameserverSource
from .schedule import AT_ONCE, Schedule
from .state import Outcome
from .upstreams import Upstreams

MAX_LOOKUPS = 256
"""Under way at a time. What is due beyond that waits its turn, at the cost of one reference."""

REFRESH_INTERVAL = 5.0
"""Seconds between looks at resolv.conf, taken only when some name is due anyway."""


class Session:
    """Asks for each name when it is due, from `start` to `close`.

    `changed(domain)` is called by the loop, never from within a callback of ours: it may raise or
    call back as it likes.
    """

    def __init__(
        self,
        names: Names,
        source: NameserverSource,
        environment: Environment,
        changed: Callable[[str], None],
    ) -> None:
        self._names = names
        self._source = source
        self._now = environment.now
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._schedule: Schedule[Track] = Schedule(self._on_due, environment.now)
        self._upstreams = Upstreams(environment)
        self._refreshed = environment.now()
        self._waiting: deque[Track] = deque()
        self._lookups = 0
        self._closed = False

    def start(self) -> None:
        self._upstreams.replace(self._source.current, self._source.settings)
        for track in self._names:
            track.busy = False
            self._schedule.add(track, track.due)

    def close(self) -> None:
        """Leave no socket and no timer; outcomes that were already on their way are not heard."""
        self._closed = True
        self._schedule.close()
        self._upstreams.close()

    def add(self, tracks: Iterable[Track]) -> None:
        for track in tracks:
            self._schedule.add(track, track.due)

    def replace_source(self, source: NameserverSource) -> None:
        self._source = source
        self._use_nameservers()

    def _use_nameservers(self) -> None:
        """Ask the source's nameservers, and at once for each name that the others failed."""
        self._upstreams.replace(self._source.current, self._source.settings)
        for track in self._names:
            if track.state.failures and not track.busy:
                self._schedule.add(track, AT_ONCE)

    def _on_due(self, tracks: list[Track]) -> None:
        now = self._now()
        if now - self._refreshed >= REFRESH_INTERVAL:
            self._refreshed = now
            if self._source.refresh():
                self._use_nameservers()
        for track in tracks:
            if not (track.busy or track.dropped):
                track.busy = True
                self._waiting.append(track)
        self._start_lookups(now)

    def _start_lookups(self, now: float) -> None:
        while self._waiting and self._lookups < MAX_LOOKUPS:
            track = self._waiting.popleft()
            if not track.dropped:
                self._lookups += 1
                Lookup(track, self._upstreams, self._on_outcome).start(now)

    def _on_outcome(self, track: Track, outcome: Outcome, now: float) -> None:
        if self._closed:
            return
        self._lookups -= 1
        track.busy = False
        if not track.dropped:
            jitter = random.random()  # noqa: S311 - spreads the load, guards no secret
            due, changed = self._names.record(track, outcome, now, self._source.settings, jitter)
            self._schedule.add(track, due)
            if changed:
                self._loop.call_soon(self._changed, track.domain)
        self._start_lookups(now)
