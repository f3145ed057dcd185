"""Saves who serves each endpoint, for the next process: whenever that changes, and not at each sweep."""

from __future__ import annotations

import asyncio
import threading
from typing import Protocol

from lowatch.core.clock import Clock
from lowatch.core.served_state import ServedState
from lowatch.files.threads import NoThreadError, Threads

from .ports import ServedStore

_GATHER = 5.0
"""Seconds in which changes gather: a deployment restarts one service after the other."""
_FRESH = 3600.0
"""Seconds after which it is saved again, at a sweep: after a power loss it says when each was seen last."""
_AGAIN_AFTER = 10.0
"""Seconds until a state that could not be saved is saved again."""
_LAST_SAVE = 2.0
"""Seconds that the disk gets for the last save."""
_REST, _REST_AT_MOST = 20, 60.0
"""The pause after a save, as a multiple of its time, and in seconds at most. 10,000 rows take 60 ms."""


class ServedSource(Protocol):
    def served(self) -> ServedState | None:
        """As of now; None before the first audit. Called on the loop. Nothing in it changes afterwards."""


class ServedSaver:
    """Only the latest state is saved, never overwritten by an older one."""

    def __init__(self, store: ServedStore, threads: Threads, clock: Clock) -> None:
        self._store = store
        self._threads = threads
        self._clock = clock
        self._wanted = asyncio.Event()
        self._changes = 0
        self._saved_at = clock.now().monotonic
        self._handed_over = 0
        self._writing = threading.Lock()
        self._written = 0

    def audited(self, changes: int) -> None:
        """Save soon if anything changed. changes: LastListeners.changes."""
        if changes != self._changes or self._clock.now().monotonic - self._saved_at >= _FRESH:
            self._changes = changes
            self._wanted.set()

    async def run(self, source: ServedSource) -> None:
        """Save the source's state whenever it has changed, until cancelled."""
        while True:
            await self._wanted.wait()
            await asyncio.sleep(_GATHER)
            self._wanted.clear()
            state = source.served()
            if state is None:
                continue
            began = self._saved_at = self._clock.now().monotonic
            self._handed_over += 1
            try:
                saved = await self._threads.run_blocking(self._write, self._handed_over, state)
            except NoThreadError:
                saved = False
            rest = min((self._clock.now().monotonic - began) * _REST, _REST_AT_MOST)
            if not saved:
                self._wanted.set()
            await asyncio.sleep(rest if saved else max(rest, _AGAIN_AFTER))

    def finish(self, source: ServedSource) -> None:
        """Save when nothing else runs any more. Blocks for at most _LAST_SAVE, even if the disk hangs."""
        state = source.served()
        if state is None:
            return
        self._handed_over += 1
        number = self._handed_over

        def save() -> None:
            self._write(number, state)

        self._threads.run_within(_LAST_SAVE, save)

    def _write(self, number: int, state: ServedState) -> bool:
        """Runs in a thread, and writes nothing if it is late. Returns whether the latest state is saved."""
        with self._writing:
            if number < self._written:
                return True
            self._written = number
            return self._store.save(state)
