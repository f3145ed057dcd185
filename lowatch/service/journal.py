"""Alerts to the journal, from the event loop, without ever waiting for journald.

The native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL) is spoken here, over an own
non-blocking socket, and not through systemd.journal.send, because that
- blocks holding the GIL when journald does not read. To poll() another socket first only narrows
  the gap: whoever takes the last place in journald's queue between poll() and send() freezes us;
- says nothing when journald is absent, so that the alert could not be shown elsewhere;
- cannot be pointed at a test's socket.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from itertools import takewhile

from lowatch.core.lifecycle import Now, Tracked
from lowatch.report import alert

_log = logging.getLogger(__name__)

JOURNAL_SOCKET = "/run/systemd/journal/socket"

CAPACITY = 1024
"""Alerts that wait for journald: at about 1 KiB each, what a host can spare."""
BATCH = 64
"""Alerts sent before the loop gets its turn: about 1 ms."""
FIRST_RETRY, LAST_RETRY = 0.05, 5.0  # seconds, where journald is absent

_LEVELS = {"3": logging.ERROR, "4": logging.WARNING}


class _Outcome(Enum):
    SENT = auto()
    FULL = auto()
    """journald is there, and takes no more just now."""
    ABSENT = auto()
    TOO_LARGE = auto()


@dataclass(slots=True)
class _Entry:
    """shown: whether it was logged to stderr."""

    fields: Mapping[str, str]
    datagram: bytes
    shown: bool


class JournalSink:
    """An AlertSink: entries go out in order, and what journald does not take waits.

    It is tried again when the socket is writable or, where journald is absent, after a while.
    enabled: False writes nothing to the journal, and all to stderr.
    echo: whether alerts also go to stderr, through `logging`, so that `lowatch run` in the
    foreground shows them; pass `not stderr_is_journal(environ)`, or systemd shows them twice.
    Without echo an alert is shown on stderr only if journald is absent, once.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        enabled: bool = True,
        echo: bool = False,
        path: str = JOURNAL_SOCKET,
        capacity: int = CAPACITY,
    ) -> None:
        self._loop = loop
        self._enabled = enabled
        self._echo = echo or not enabled
        self._path = path
        self._capacity = capacity
        self._queue: deque[_Entry] = deque()
        self._socket: socket.socket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._retry_in = FIRST_RETRY
        self._dropped = 0
        self._dropped_untold = 0

    @property
    def full(self) -> bool:
        """Whether one more would push the oldest out."""
        return self._enabled and len(self._queue) >= self._capacity

    @property
    def dropped(self) -> int:
        """Entries given up, oldest first, because the journal took none for too long."""
        return self._dropped

    def announce(self, tracked: Tracked, now: Now) -> None:
        """Send it, or keep it for later. Never blocks, never raises."""
        fields = alert.fields(tracked, now)
        if self._echo:
            _show(fields)
        if not self._enabled:
            return
        if len(self._queue) >= self._capacity:
            self._queue.popleft()
            self._dropped += 1
            self._dropped_untold += 1
        self._queue.append(_Entry(fields, encode(fields), shown=self._echo))
        self._flush()

    def close(self) -> None:
        """Send what can be sent at once, and give up the rest."""
        while self._queue and self._send_first():
            pass
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._disconnect()
        if self._queue:
            self._dropped += len(self._queue)
            _log.warning("alerts that the journal never took: %d", len(self._queue))
            self._queue.clear()
        self._tell_dropped()

    def _flush(self) -> None:
        for _ in range(BATCH):
            if not self._queue:
                break
            if not self._send_first():
                return
        if self._queue:
            self._await_room()
        else:
            self._await_nothing()
            self._tell_dropped()

    def _send_first(self) -> bool:
        """Whether the first in the queue is gone. If not, it was arranged when to try again."""
        entry = self._queue[0]
        outcome = self._send(entry.datagram)
        if outcome is _Outcome.FULL:
            self._await_room()
            return False
        if outcome is _Outcome.ABSENT:
            self._show_waiting()
            self._retry_later()
            return False
        if outcome is _Outcome.TOO_LARGE and not entry.shown:
            _show(entry.fields)
        self._queue.popleft()
        self._retry_in = FIRST_RETRY
        return True

    def _await_room(self) -> None:
        """unix_dgram_poll(): writable again when journald has read some, or when it died."""
        if self._socket is not None:
            self._loop.add_writer(self._socket, self._flush)

    def _await_nothing(self) -> None:
        if self._socket is not None:
            self._loop.remove_writer(self._socket)

    def _retry_later(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(self._retry_in, self._on_timer)
            self._retry_in = min(2 * self._retry_in, LAST_RETRY)

    def _on_timer(self) -> None:
        self._timer = None
        self._flush()

    def _send(self, datagram: bytes) -> _Outcome:
        """Over the socket we have, or else over a new one: journald may have come back."""
        for _attempt in range(2):
            try:
                self._connected().send(datagram, socket.MSG_NOSIGNAL)
            except BlockingIOError:
                return _Outcome.FULL
            except OSError as error:
                if error.errno == errno.EMSGSIZE:
                    return _Outcome.TOO_LARGE
                self._disconnect()
            else:
                return _Outcome.SENT
        return _Outcome.ABSENT

    def _connected(self) -> socket.socket:
        """The socket to journald. Connecting a datagram socket does not wait. Raises OSError."""
        if self._socket is None:
            fresh = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            try:
                fresh.connect(self._path)
            except OSError:
                fresh.close()
                raise
            self._socket = fresh
        return self._socket

    def _disconnect(self) -> None:
        if self._socket is not None:
            self._loop.remove_writer(self._socket)
            self._socket.close()
            self._socket = None

    def _show_waiting(self) -> None:
        """Those not shown yet are always the newest, so that a long queue costs nothing."""
        waiting = list(takewhile(lambda entry: not entry.shown, reversed(self._queue)))
        for entry in reversed(waiting):
            _show(entry.fields)
            entry.shown = True

    def _tell_dropped(self) -> None:
        """Said when the journal reads again: before, it might have been written into the void."""
        if self._dropped_untold:
            _log.warning("alerts dropped while the journal took none: %d", self._dropped_untold)
            self._dropped_untold = 0


def encode(fields: Mapping[str, str]) -> bytes:
    """A datagram of the native protocol: KEY=value, or KEY, length, value where it has newlines."""
    return b"".join(_encode_field(name.encode("ascii"), value) for name, value in fields.items())


def _encode_field(name: bytes, value: str) -> bytes:
    data = value.encode("utf-8", "backslashreplace")
    if b"\n" in data:
        return b"%b\n%b%b\n" % (name, len(data).to_bytes(8, "little"), data)
    return b"%b=%b\n" % (name, data)


def stderr_is_journal(environ: Mapping[str, str], descriptor: int = 2) -> bool:
    """Whether systemd connected it to the journal: $JOURNAL_STREAM names its device and inode."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _show(fields: Mapping[str, str]) -> None:
    _log.log(_LEVELS.get(fields["PRIORITY"], logging.INFO), "%s", fields["MESSAGE"])
