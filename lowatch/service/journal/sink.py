"""Alerts to the journal, from the event loop, which never waits for journald."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice, takewhile
from typing import Protocol

from lowatch.core.clock import Now
from lowatch.core.lifecycle import Tracked
from lowatch.core.limits.alerts import JOURNAL_QUEUE, JOURNAL_SUMMARIES
from lowatch.files.threads import DaemonThreads, Threads
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

from .intent_writer import Entry, IntentStore, IntentWriter
from .socket import JournalSocket, SendResult, encode

_log = logging.getLogger(__name__)
_alerts = logging.getLogger("lowatch.alert")
"""An alert on stderr is no failure of the journal."""

BATCH = 64
"""Entries sent before the loop gets its turn: about 1 ms."""
_LAST_WORDS = 0.25
"""Seconds that stderr gets for the last alerts; any that are left are announced again at the next start."""
FIRST_RETRY, LAST_RETRY = 0.05, 5.0  # seconds, while journald is absent

_FIX_LASTS = 60.0
"""Seconds for which an alert may wait for journald and keep its fix."""

_LEVELS = {"3": logging.ERROR, "4": logging.WARNING}


class Journal(Protocol):
    """journald, as a JournalSocket reaches it. Nothing blocks."""

    def send(self, datagram: bytes) -> SendResult: ...

    def await_room(self, writable: Callable[[], None]) -> None:
        """Have the loop call that as soon as there may be room, until await_nothing()."""

    def await_nothing(self) -> None: ...

    def close(self) -> None: ...


class JournalSink:
    """An AlertSink: entries are sent in order, and wait if journald does not accept them.

    They are sent again when the socket is writable or, while journald is absent, after a while. A storm
    is folded into summaries (report/alert/storm.py); so are alerts that come while `capacity` entries wait.
    enabled: False writes nothing to the journal, and everything to stderr.
    echo: whether alerts also go to stderr, through `logging`, so that `lowatch run` in the foreground
    shows them. Pass `not stderr_is_journal(environ)`, or systemd shows them twice.
    netns: the network namespace that the alerts are about; "" for the first one.
    Without echo an entry is shown on stderr, once, only while journald is absent. That does not count as
    delivered, because that stderr most likely leads to journald, too.
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
        intents: IntentStore | None = None,
        threads: Threads | None = None,
        netns: str = "",
    ) -> None:
        self._loop = loop
        self._enabled = enabled
        self._netns = netns
        self._echo = echo or not enabled
        self._capacity = capacity
        self._queue: deque[Entry] = deque()
        self._storm = Storm(burst)
        self._summary_timer: asyncio.TimerHandle | None = None
        self._socket = socket or JournalSocket(loop)
        self._retry_timer: asyncio.TimerHandle | None = None
        self._retry_in = FIRST_RETRY
        self._dropped = 0
        self._dropped_unreported = 0
        self._writer = IntentWriter(loop, intents, threads or DaemonThreads(), self)
        self._summaries_are_late = False
        """Whether some findings that wait to be folded have waited for room."""

    def undelivered(self) -> Sequence[Tracked]:
        """The findings that neither journald nor another stderr has accepted; of each subject in order.

        delivery_unknown is set for those whose line waits for stderr: a thread may write it at any moment,
        and nothing tells whoever saves them.
        """
        queued = chain.from_iterable(entry.findings for entry in self._queue)
        if not self._enabled:
            return [*map(_in_doubt, log_stream.undelivered()), *queued]
        waiting = [*queued, *self._storm.waiting_findings()]
        if self._echo:
            shown_nowhere = set(map(id, log_stream.undelivered()))
            waiting = [_in_doubt(one) for one in waiting if id(one) in shown_nowhere]
        return waiting

    @property
    def waiting(self) -> int:
        """How many findings journald has not accepted yet."""
        return sum(len(entry.findings) for entry in self._queue) + self._storm.waiting

    @property
    def dropped(self) -> int:
        """How many findings were given up, because the journal accepted no entry for too long."""
        return self._dropped if self._enabled else log_stream.lost()

    def announce(self, tracked: Tracked, now: Now) -> None:
        """Send it now or later. Never blocks, never raises."""
        if not self._enabled:
            self._queue.append(Entry(self._fields(tracked, now), b"", True, (tracked,)))
            self.may_send()
            return
        if self._echo:
            _show(self._fields(tracked, now), (tracked,))
        at = self._loop.time()
        if len(self._queue) >= self._capacity:
            JOURNAL_QUEUE.reached()
        if len(self._queue) < self._capacity and self._storm.admits(tracked, at):
            fields = self._fields(tracked, now)
            self._queue.append(Entry(fields, encode(fields), self._echo, (tracked,), at))
            self.may_send()
        else:
            self._drop(self._storm.fold(Announcement(tracked, now), at))
            self._await_summary()

    def _fields(self, tracked: Tracked, now: Now) -> dict[str, str]:
        return alert.fields(tracked, now, self._netns)

    def flush(self) -> None:
        """Send what can be sent at once, including summaries that are not due yet; then nothing more.

        What is undelivered afterwards will be saved as undelivered, and announced again by the next start.
        """
        self._storm.flush(self._loop.time())
        self._writer.stop()  # what is delivered now is saved as delivered at once
        while self._send_first() or self._summarise():
            pass
        if self._echo:
            log_stream.drain(_LAST_WORDS)
        self._cancel_timers()

    def close(self) -> None:
        """Give up what waits: after flush(), that is what the journal did not accept at once."""
        self._cancel_timers()
        self._socket.close()
        left = self.waiting
        if left:
            self._dropped += left
            _log.warning("alerts never accepted by the journal: %d", left)
            self._queue.clear()
            self._storm = Storm()
        self._report_dropped()

    def _cancel_timers(self) -> None:
        self._writer.stop()
        for timer in (self._retry_timer, self._summary_timer):
            if timer is not None:
                timer.cancel()
        self._retry_timer = self._summary_timer = None
        self._socket.await_nothing()

    # Summaries.

    def _await_summary(self) -> None:
        """Set the timer again each time: the next summary may be due earlier."""
        if self._summary_timer is not None:
            self._summary_timer.cancel()
            self._summary_timer = None
        if self._storm.due is not None and self._has_room_for_summary():
            self._summary_timer = self._loop.call_at(self._storm.due, self._on_summary_due)

    def _on_summary_due(self) -> None:
        """One summary at a time, because each takes a while; the loop runs in between."""
        self._summary_timer = None
        self._summarise()
        self.may_send()
        self._await_summary()

    def _summarise(self) -> bool:
        """Queue a summary that is due. Returns whether there was one."""
        folded = self._storm.take(self._loop.time()) if self._has_room_for_summary() else ()
        if not folded:
            return False
        fields = summary_fields(folded, self._netns)
        findings = tuple(one.tracked for one in folded)
        if self._summaries_are_late:
            fields["LOWATCH_FIX"] = ""
        self._queue.append(Entry(fields, encode(fields), self._echo, findings, self._loop.time()))
        self._summaries_are_late &= self._storm.waiting > 0
        return True

    def _has_room_for_summary(self) -> bool:
        if len(self._queue) < self._capacity + JOURNAL_SUMMARIES.value:
            return True
        JOURNAL_SUMMARIES.reached()
        self._summaries_are_late = True
        return False

    # The queue.

    def may_send(self) -> None:
        """Send some entries: there is room for them, or they have been written down (IntentWriter)."""
        for _ in range(BATCH):
            if not self._send_first():
                break
        else:
            if self._enabled:
                self._socket.await_room(self.may_send)
            else:
                self._loop.call_soon(self.may_send)
            return
        if not self._queue:
            self._socket.await_nothing()
            self._report_dropped()
        if self._summary_timer is None:
            self._await_summary()  # there was no room for it

    def _send_first(self) -> bool:
        """Send the first entry. Returns whether it left the queue; if not, another attempt is scheduled."""
        if not self._queue:
            return False
        entry = self._queue[0]
        if not self._writer.allows(entry, islice(self._queue, BATCH)):
            return False
        if not self._enabled:
            _show(entry.fields, entry.findings)
            self._queue.popleft()
            return True
        self._let_fix_expire(entry)
        result = self._socket.send(entry.datagram)
        if result is SendResult.FULL:
            self._socket.await_room(self.may_send)
            return False
        if result is SendResult.ABSENT:
            self._show_waiting()
            self._retry_later()
            return False
        if result is SendResult.IMPOSSIBLE:
            self._drop(len(entry.findings))
            if not entry.shown:
                _show(entry.fields, entry.findings)
        self._queue.popleft()
        self._retry_in = FIRST_RETRY
        return True

    def _let_fix_expire(self, entry: Entry) -> None:
        """Remove an old fix: the entry gets the time at which journald accepts it, which hides the age."""
        if entry.fields["LOWATCH_FIX"] and self._loop.time() > entry.at + _FIX_LASTS:
            if COUNT in entry.fields:
                entry.fields = {**entry.fields, "LOWATCH_FIX": ""}
            else:
                entry.fields = alert.without_fix(entry.fields, *entry.findings)
            entry.datagram = encode(entry.fields)

    def _retry_later(self) -> None:
        if self._retry_timer is None:
            self._retry_timer = self._loop.call_later(self._retry_in, self._on_retry)
            self._retry_in = min(2 * self._retry_in, LAST_RETRY)

    def _on_retry(self) -> None:
        self._retry_timer = None
        self.may_send()

    # What goes to stderr.

    def _drop(self, findings: int) -> None:
        self._dropped += findings
        self._dropped_unreported += findings

    def _show_waiting(self) -> None:
        """Show entries not shown yet. They are always the newest, so that a long queue costs nothing."""
        waiting = list(takewhile(lambda entry: not entry.shown, reversed(self._queue)))
        for entry in reversed(waiting):
            _show(entry.fields, entry.findings)
            entry.shown = True

    def _report_dropped(self) -> None:
        """Called when the journal accepts entries again: before, this line might have been lost as well."""
        if self._dropped_unreported:
            _log.warning("alerts dropped while the journal accepted none: %d", self._dropped_unreported)
            self._dropped_unreported = 0


def stderr_is_journal(environ: Mapping[str, str], descriptor: int = 2) -> bool:
    """Whether systemd connected stderr to the journal: $JOURNAL_STREAM names its device and inode."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _in_doubt(one: Tracked) -> Tracked:
    return replace(one, delivery_unknown=True)


def _show(fields: Mapping[str, str], findings: Sequence[Tracked]) -> None:
    level = _LEVELS.get(fields["PRIORITY"], logging.INFO)
    _alerts.log(level, "%s", fields["MESSAGE"], extra={"alert": fields, log_stream.FINDINGS: findings})
