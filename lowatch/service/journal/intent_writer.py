"""Has entries written down before they are sent, so that a start after a kill -9 knows of them.

See service/intents.py. The disk is waited for, but not for long: an alert matters more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from lowatch.core.lifecycle import Tracked
from lowatch.files.threads import NoThreadError, Threads

_WRITTEN_WITHIN = 1.0
"""Seconds after which entries are sent although they have not been written down: the disk may hang."""
_NOT_WRITTEN = -1


@dataclass(slots=True)
class Entry:
    """An entry of the journal. shown: whether it was logged to stderr. findings: what it stands for.

    at: when it was made, in the loop's time. generation: the one in which it was written down.
    """

    fields: Mapping[str, str]
    datagram: bytes
    shown: bool
    findings: tuple[Tracked, ...]
    at: float = 0.0
    generation: int = _NOT_WRITTEN


class IntentStore(Protocol):
    """Where findings are written down that are about to be delivered: a StateFile."""

    @property
    def generation(self) -> int:
        """The current one. What was written down in an earlier one may have been forgotten."""

    def intend(self, findings: Iterable[Tracked], generation: int) -> None:
        """Blocks."""


class IntentListener(Protocol):
    def may_send(self) -> None:
        """The next entries may be sent."""


class IntentWriter:
    """Tells which entries may be sent. A thread writes, one batch at a time."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        intents: IntentStore | None,
        threads: Threads,
        listener: IntentListener,
    ) -> None:
        """intents: None if nothing is to be written down."""
        self._loop = loop
        self._intents = intents
        self._threads = threads
        self._listener = listener
        self._deadline: asyncio.TimerHandle | None = None
        """Set while entries are being written down."""
        self._disk_hangs = False

    def allows(self, entry: Entry, batch: Iterable[Entry]) -> bool:
        """Whether the entry may be sent now. If not, may_send() is called when it may.

        batch: what is written down with it, the entry included.
        """
        if self._intents is None or entry.generation == self._intents.generation:
            return True
        if self._disk_hangs:
            return True
        return self._deadline is None and not self._write(list(batch), self._intents)

    def stop(self) -> None:
        """From now on all entries may be sent, and may_send() is not called again."""
        self._intents = None
        self._cancel()

    def _write(self, entries: Sequence[Entry], intents: IntentStore) -> bool:
        """Whether a thread has begun; if not, the entries may be sent anyway."""
        generation = intents.generation
        findings = list(chain.from_iterable(entry.findings for entry in entries))

        def work() -> None:
            intents.intend(findings, generation)
            with suppress(RuntimeError):  # the loop was closed
                self._loop.call_soon_threadsafe(self._on_written, entries, generation)

        try:
            self._threads.start(work, "intend")
        except NoThreadError:
            return False  # if they cannot be sent now, a thread is asked for again before they are
        self._deadline = self._loop.call_later(_WRITTEN_WITHIN, self._on_deadline)
        return True

    def _on_written(self, entries: Sequence[Entry], generation: int) -> None:
        self._disk_hangs = False
        self._cancel()
        for entry in entries:
            entry.generation = generation
        if self._intents is not None:  # else what could not be sent by stop() stays undelivered
            self._listener.may_send()

    def _on_deadline(self) -> None:
        """Wait for the disk no longer, until the thread is done."""
        self._deadline = None
        self._disk_hangs = True
        self._listener.may_send()

    def _cancel(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
