"""Alerts to the journal, from the event loop, without ever waiting for journald."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice, takewhile
from typing import Protocol

from lowatch.core.clock import (
    Now,
)
from lowatch.core.lifecycle import (
    Tracked,
)
from lowatch.core.limits.alerts import JOURNAL_QUEUE, JOURNAL_SUMMARIES
from lowatch.files.threads import DaemonThreads, NoThreadError, Threads
from lowatch.report.alert import entry as alert
from lowatch.report.alert.entry import (
    COUNT,
    Announcement,
    summary_fields,
)
from lowatch.report.alert.storm import (
    BURST,
    Storm,
)
from lowatch.service import log_stream

from .socket import JournalSocket, Outcome, encode

_log = logging.getLogger(__name__)
_alerts = logging.getLogger("lowatch.alert")
"""An alert on stderr is no failure of the journal."""
_alerts = logging.getLogger("lowatch.alert")
"""An alert on stderr is no failure of the journal."""

BATCH = 64
"""Entries sent before the loop gets its turn: about 1 ms."""
_LAST_WORDS = 0.25
"""Seconds that a stderr gets to take the last alerts; else they are announced again at the next start."""
FIRST_RETRY, LAST_RETRY = 0.05, 5.0  # seconds, where journald is absent

_FIX_LASTS = 60.0
"""Seconds for which an alert may wait for journald and still offer its fix."""

_INTENDED_BY = 1.0
"""Seconds after which an alert goes out though the disk has not taken it: it hangs, perhaps."""
_NOT_INTENDED, _ANYWAY = -1, -2

_LEVELS = {"3": logging.ERROR, "4": logging.WARNING}


@dataclass(slots=True)
class _Entry:
    """shown: whether it was logged to stderr. findings: those it stands for. at: its loop time."""

    fields: Mapping[str, str]
    datagram: bytes
    shown: bool
    findings: tuple[Tracked, ...]
    at: float = 0.0
    intended: int = _NOT_INTENDED


class Intending(Protocol):
    """Writes down what is about to be told, so that a start after a kill -9 knows of it: a StateFile."""

    @property
    def generation(self) -> int:
        """What was written down in an earlier one may be forgotten by now."""

    def intend(self, findings: Iterable[Tracked], generation: int) -> None:
        """Blocks."""


class Journal(Protocol):
    """journald, as a JournalSocket reaches it. Nothing blocks."""

    def send(self, datagram: bytes) -> Outcome: ...

    def await_room(self, writable: Callable[[], None]) -> None:
        """Have the loop call that as soon as there may be room, until await_nothing()."""

    def await_nothing(self) -> None: ...

    def close(self) -> None: ...


class JournalSink:
    """An AlertSink: entries go out in order, and what journald does not take waits.

    It is tried again when the socket is writable or, where journald is absent, after a while. A storm is
    folded into summaries, by report.alert_storm; so is what comes while `capacity` entries wait.
    enabled: False writes nothing to the journal, and all to stderr.
    echo: whether alerts also go to stderr, through `logging`, so that `lowatch run` in the
    foreground shows them; pass `not stderr_is_journal(environ)`, or systemd shows them twice.
    Without echo an entry is shown on stderr only if journald is absent, once; which does not count as
    told, for then that stderr most likely leads nowhere either.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        enabled: bool = True,
        echo: bool = False,
        socket: Journal | None = None,
        capacity: int = JOURNAL_QUEUE.value,
        burst: int = BURST,
        intents: Intending | None = None,
        threads: Threads | None = None,
    ) -> None:
        self._loop = loop
        self._enabled = enabled
        self._echo = echo or not enabled
        self._capacity = capacity
        self._queue: deque[_Entry] = deque()
        self._storm = Storm(burst)
        self._summary_timer: asyncio.TimerHandle | None = None
        self._socket = socket or JournalSocket(loop)
        self._retry_timer: asyncio.TimerHandle | None = None
        self._retry_in = FIRST_RETRY
        self._dropped = 0
        self._dropped_unreported = 0
        self._intents = intents
        self._threads = threads or DaemonThreads()
        self._intending: asyncio.TimerHandle | None = None
        """Entries are being written down; when that is given up."""
        self._disk_hangs = False
        self._summaries_are_late = False
        """Whether some of what waits to be folded has waited for room."""

    def undelivered(self) -> Sequence[Tracked]:
        """What was announced, and neither journald nor a stderr of its own has taken.

        Of each subject in order.
        """
        queued = chain.from_iterable(entry.findings for entry in self._queue)
        if not self._enabled:
            return [*log_stream.undelivered(), *queued]
        waiting = [*queued, *self._storm.waiting_findings()]
        if self._echo:
            shown_nowhere = set(map(id, log_stream.undelivered()))
            waiting = [one for one in waiting if id(one) in shown_nowhere]
        return waiting

    @property
    def waiting(self) -> int:
        """Findings that journald has not taken yet."""
        return sum(len(entry.findings) for entry in self._queue) + self._storm.waiting

    @property
    def dropped(self) -> int:
        """Findings whose entry was given up, because the journal took none for too long."""
        return self._dropped if self._enabled else log_stream.lost()

    def announce(self, tracked: Tracked, now: Now) -> None:
        """Send it, or keep it for later. Never blocks, never raises."""
        if not self._enabled:
            self._queue.append(_Entry(alert.fields(tracked, now), b"", True, (tracked,)))
            self._send_batch()
            return
        if self._echo:
            _show(alert.fields(tracked, now), (tracked,))
        at = self._loop.time()
        if len(self._queue) >= self._capacity:
            JOURNAL_QUEUE.reached()
        if len(self._queue) < self._capacity and self._storm.admits(tracked, at):
            fields = alert.fields(tracked, now)
            self._queue.append(_Entry(fields, encode(fields), self._echo, (tracked,), at))
            self._send_batch()
        else:
            self._drop(self._storm.fold(Announcement(tracked, now), at))
            self._await_summary()

    def flush(self) -> None:
        """Nothing more may come: send what can be sent at once, summaries that are not due yet too.

        And no more by itself later: what is undelivered now will be saved as that, and announced once more.
        """
        self._storm.flush(self._loop.time())
        self._intents = None  # what is delivered now is saved as that at once
        while self._send_first() or self._summarise():
            pass
        if self._echo:
            log_stream.drain(_LAST_WORDS)
        self._wait_for_nothing()

    def close(self) -> None:
        """Give up what waits: after flush(), what the journal did not take at once."""
        self._wait_for_nothing()
        self._socket.close()
        left = self.waiting
        if left:
            self._dropped += left
            _log.warning("alerts never accepted by the journal: %d", left)
            self._queue.clear()
            self._storm = Storm()
        self._report_dropped()

    def _wait_for_nothing(self) -> None:
        for timer in (self._retry_timer, self._summary_timer, self._intending):
            if timer is not None:
                timer.cancel()
        self._retry_timer = self._summary_timer = None
        self._socket.await_nothing()

    # Summaries.

    def _await_summary(self) -> None:
        """Anew each time: what is due may come earlier."""
        if self._summary_timer is not None:
            self._summary_timer.cancel()
            self._summary_timer = None
        if self._storm.due is not None and self._has_room_for_summary():
            self._summary_timer = self._loop.call_at(self._storm.due, self._on_summary_due)

    def _on_summary_due(self) -> None:
        """One at a time: each takes a while to write, and the loop has its turn between them."""
        self._summary_timer = None
        self._summarise()
        self._send_batch()
        self._await_summary()

    def _summarise(self) -> bool:
        """Whether one was queued."""
        folded = self._storm.take(self._loop.time()) if self._has_room_for_summary() else ()
        if not folded:
            return False
        fields = summary_fields(folded)
        findings = tuple(one.tracked for one in folded)
        if self._summaries_are_late:
            fields["LOWATCH_FIX"] = ""
        self._queue.append(_Entry(fields, encode(fields), self._echo, findings, self._loop.time()))
        self._summaries_are_late &= self._storm.waiting > 0
        return True

    def _has_room_for_summary(self) -> bool:
        if len(self._queue) < self._capacity + JOURNAL_SUMMARIES.value:
            return True
        JOURNAL_SUMMARIES.reached()
        self._summaries_are_late = True
        return False

    # The queue.

    def _send_batch(self) -> None:
        for _ in range(BATCH):
            if not self._send_first():
                break
        else:
            if self._enabled:
                self._socket.await_room(self._send_batch)
            else:
                self._loop.call_soon(self._send_batch)
            return
        if not self._queue:
            self._socket.await_nothing()
            self._report_dropped()
        if self._summary_timer is None:
            self._await_summary()  # there was no room for it

    def _send_first(self) -> bool:
        """Whether one of the queue is gone. If not, it was arranged when to try again."""
        if not self._queue:
            return False
        entry = self._queue[0]
        if not self._is_intended(entry):
            return False
        if not self._enabled:
            _show(entry.fields, entry.findings)
            self._queue.popleft()
            return True
        self._let_fix_expire(entry)
        outcome = self._socket.send(entry.datagram)
        if outcome is Outcome.FULL:
            self._socket.await_room(self._send_batch)
            return False
        if outcome is Outcome.ABSENT:
            self._show_waiting()
            self._retry_later()
            return False
        if outcome is Outcome.IMPOSSIBLE:
            self._drop(len(entry.findings))
            if not entry.shown:
                _show(entry.fields, entry.findings)
        self._queue.popleft()
        self._retry_in = FIRST_RETRY
        return True

    def _let_fix_expire(self, entry: _Entry) -> None:
        """An entry has the time at which journald takes it: nothing would say how old its fix is."""
        if entry.fields["LOWATCH_FIX"] and self._loop.time() > entry.at + _FIX_LASTS:
            if COUNT in entry.fields:
                entry.fields = {**entry.fields, "LOWATCH_FIX": ""}
            else:
                entry.fields = alert.without_fix(entry.fields, *entry.findings)
            entry.datagram = encode(entry.fields)

    # What a start after a kill -9 has to know.

    def _is_intended(self, entry: _Entry) -> bool:
        """Whether it may go: it has been written down. If not, _send_batch() is called when it has."""
        if self._intents is None or entry.intended in (_ANYWAY, self._intents.generation):
            return True
        if self._disk_hangs:
            return True
        if self._intending is None:
            return self._intend(self._intents)
        return False

    def _intend(self, intents: Intending) -> bool:
        """Whether nothing comes of it, and the entries are to go out as they are."""
        entries, generation = list(islice(self._queue, BATCH)), intents.generation
        findings = list(chain.from_iterable(entry.findings for entry in entries))

        def work() -> None:
            intents.intend(findings, generation)
            with suppress(RuntimeError):  # the loop was closed
                self._loop.call_soon_threadsafe(self._intended, entries, generation)

        try:
            self._threads.start(work, "intend")
        except NoThreadError:
            for entry in entries:
                entry.intended = _ANYWAY
            return True
        self._intending = self._loop.call_later(_INTENDED_BY, self._give_disk_up)
        return False

    def _intended(self, entries: list[_Entry], generation: int) -> None:
        self._disk_hangs = False
        if self._intending is not None:
            self._intending.cancel()
            self._intending = None
        for entry in entries:
            entry.intended = generation
        if (
            self._intents is not None
        ):  # else flush() came first, and what it could not send stays undelivered
            self._send_batch()

    def _give_disk_up(self) -> None:
        """Until the thread comes back."""
        self._intending = None
        self._disk_hangs = True
        self._send_batch()

    def _retry_later(self) -> None:
        if self._retry_timer is None:
            self._retry_timer = self._loop.call_later(self._retry_in, self._on_retry)
            self._retry_in = min(2 * self._retry_in, LAST_RETRY)

    def _on_retry(self) -> None:
        self._retry_timer = None
        self._send_batch()

    # What stderr is told.

    def _drop(self, findings: int) -> None:
        self._dropped += findings
        self._dropped_unreported += findings

    def _show_waiting(self) -> None:
        """Those not shown yet are always the newest, so that a long queue costs nothing."""
        waiting = list(takewhile(lambda entry: not entry.shown, reversed(self._queue)))
        for entry in reversed(waiting):
            _show(entry.fields, entry.findings)
            entry.shown = True

    def _report_dropped(self) -> None:
        """Reported when the journal reads again: before, nobody might have read that either."""
        if self._dropped_unreported:
            _log.warning("alerts dropped while the journal accepted none: %d", self._dropped_unreported)
            self._dropped_unreported = 0


def stderr_is_journal(environ: Mapping[str, str], descriptor: int = 2) -> bool:
    """Whether systemd connected it to the journal: $JOURNAL_STREAM names its device and inode."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _show(fields: Mapping[str, str], findings: Sequence[Tracked]) -> None:
    level = _LEVELS.get(fields["PRIORITY"], logging.INFO)
    _alerts.log(level, "%s", fields["MESSAGE"], extra={"alert": fields, log_stream.FINDINGS: findings})
