"""Saves the tracked findings in a thread: only the latest state, never overwritten by an older one.

The loop hands over one immutable value, the state at one moment. The thread reads nothing else.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from lowatch.core.clock import Clock
from lowatch.core.lifecycle import FindingState, Tracked
from lowatch.files.threads import NoThreadError, Threads

from .ports import StateStore

_GATHER = 0.02
"""Seconds that new announcements get to be delivered, so that they are saved as delivered."""
_THREAD_AFTER = 2.0
"""Seconds until a thread is tried again, if none could be started."""
_DISK_AFTER = 10.0
"""Seconds until a state that could not be written is written again: the disk may have room by then."""
_LAST_SAVE = 5.0
"""Seconds that the disk gets for the last save."""
_REST, _REST_AT_MOST = 4, 5.0
"""The pause after a save: as a multiple of its time, so that saving takes at most a fifth of the time; and
in seconds at most, because a save that took long waited for a disk that hung."""


class SavedState(NamedTuple):
    """The state to be saved, as of one moment. Nothing in it changes afterwards.

    tracked: by key. undelivered: what was announced, or waits to be, and has reached nobody yet; each
    subject in order.
    """

    tracked: Mapping[str, Tracked]
    undelivered: Sequence[Tracked]


class StateSource(Protocol):
    def state(self) -> SavedState:
        """As of now. Called on the loop."""


class _Handover(NamedTuple):
    """number: the greatest is the latest. generation: see StateStore."""

    number: int
    generation: int
    state: SavedState


class StateSaver:
    """Saves the state whenever that is requested, and at the end."""

    def __init__(self, store: StateStore, threads: Threads, clock: Clock) -> None:
        self._store = store
        self._threads = threads
        self._clock = clock
        self._wanted = asyncio.Event()
        self._handed_over = 0
        self._writing = threading.Lock()
        self._written = 0
        self.saved_undelivered = False
        """Whether the last state had something undelivered: it has to be saved again after the delivery."""

    def save_soon(self) -> None:
        self._wanted.set()

    async def run(self, source: StateSource) -> None:
        """Save the source's state whenever that is requested, until cancelled."""
        while True:
            await self._wanted.wait()
            began = self._clock.now().monotonic
            await asyncio.sleep(_GATHER)
            self._wanted.clear()
            try:
                if not await self._threads.run_blocking(self._write, self._hand_over(source.state())):
                    self._wanted.set()
                    await asyncio.sleep(_DISK_AFTER)
            except NoThreadError:
                self._wanted.set()  # what is announced meanwhile may be announced again after a crash
                await asyncio.sleep(_THREAD_AFTER)
            # Rendering 20,000 findings holds the interpreter for 0.2 s, which must not happen all the time.
            took = self._clock.now().monotonic - began
            await asyncio.sleep(min(took * _REST, _REST_AT_MOST))

    def save_at_last(self, state: SavedState) -> None:
        """Save when nothing else runs any more. Blocks for at most _LAST_SAVE, even if the disk hangs."""
        handover = self._hand_over(state)

        def save() -> None:
            self._write(handover)

        self._threads.run_within(_LAST_SAVE, save)

    def _hand_over(self, state: SavedState) -> _Handover:
        """state: of this moment, because the generation ends with it."""
        self._handed_over += 1
        self.saved_undelivered = bool(state.undelivered)
        return _Handover(self._handed_over, self._store.end_generation(), state)

    def _write(self, handover: _Handover) -> bool:
        """Runs in a thread, and writes nothing if it is late. Returns whether the latest state is saved."""
        with self._writing:
            if handover.number < self._written:
                return True
            self._written = handover.number
            return self._store.save(as_delivered(handover.state), handover.generation)


def as_delivered(state: SavedState) -> Mapping[str, Tracked]:
    """The tracked findings, as if only those delivered had been announced.

    So if the process is killed while alerts wait, the next start announces them: findings that fire, and
    resolved findings that were delivered as firing.
    """
    tracked, undelivered = state
    if not undelivered:
        return tracked
    delivered = dict(tracked)
    for one in reversed(undelivered):  # the last state delivered is that before the first one that waits
        key = one.finding.subject.key
        if one.state is FindingState.RESOLVED:
            delivered[key] = replace(one, state=FindingState.FIRING, announced=True)
        elif key in tracked:
            for other in one.finding.keys_of_any or (key,):  # it would have been announced for all of them
                if other in tracked:
                    delivered[other] = replace(
                        tracked[other],
                        announced=one.delivery_unknown,
                        delivery_unknown=one.delivery_unknown,
                    )
        elif one.delivery_unknown:  # what an earlier process sent may have arrived: resolve that
            delivered[key] = replace(one, announced=True)
        else:
            delivered.pop(key, None)  # it came and went, and nothing was delivered
    return delivered
