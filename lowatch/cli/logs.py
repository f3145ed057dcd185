"""The destination and the format of log records.

They go to stderr: text for people, logfmt or JSON (`--log.format`) for what collects logs. logfmt and JSON
have the keys of other Prometheus daemons: time, level, msg; and `logger`. An alert has its fields of the
journal as well, in lower case.
"""

from __future__ import annotations

import logging
import os
import re
import socket
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TextIO

from lowatch.core.limits.alerts import LOG_QUEUE_BYTES
from lowatch.core.printable import printable

from .environment import Environment

# sd-daemon(3): a line that starts so has that priority in the journal.
_PREFIXES = (
    (logging.CRITICAL, "<2>"),
    (logging.ERROR, "<3>"),
    (logging.WARNING, "<4>"),
    (logging.INFO, "<6>"),
    (logging.DEBUG, "<7>"),
)
_CLOCK = logging.Formatter()
_LEVELS = {"WARNING": "warn", "CRITICAL": "error"}
_BARE = re.compile(r"[!#-<>-~]+")  # neither a space, nor a quote, nor an equals sign
ALERT = "alert"
"""The attribute of a record that has an alert's fields."""


@contextmanager
def logging_to(
    environment: Environment, level: str, form: str = "text", *, waits: bool = True
) -> Iterator[None]:
    """Records of `level` and above go to the environment's stderr, until this is left again.

    form: one of arguments.LOG_FORMATS. waits: whether logging waits for the reader, as in commands.
    """
    handler: logging.Handler
    if environment.under_systemd:
        handler = _JournalStream(environment.stderr.fileno())
    elif waits or (descriptor := _descriptor(environment.stderr)) is None:
        handler = logging.StreamHandler(environment.stderr)
    else:
        from lowatch.service.log_stream import StderrHandler  # noqa: PLC0415  # the daemon's alone

        handler = StderrHandler(descriptor)
    handler.setFormatter(Formatter(form, for_journal=environment.under_systemd))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(level.upper())
    try:
        yield
    finally:
        root.setLevel(before)
        root.removeHandler(handler)
        handler.close()


class _JournalStream(logging.Handler):
    """Writes to a stderr that is connected to the journal, without ever waiting for journald.

    If journald is stopped and its socket is full, a write would block the loop. Lines that are not accepted
    wait for the next record. Beyond a limit the oldest are dropped, and counted.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._socket = socket.socket(fileno=os.dup(descriptor))
        self._waiting: deque[bytes] = deque()
        self._size = self._dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record) + "\n"
        except Exception:  # as logging's own handlers do
            self.handleError(record)
            return
        self._keep(text.encode("utf-8", "backslashreplace"))
        self._send_waiting()

    def close(self) -> None:
        self._socket.close()
        super().close()

    def _keep(self, line: bytes) -> None:
        self._waiting.append(line)
        self._size += len(line)
        while self._size > LOG_QUEUE_BYTES.value and len(self._waiting) > 2:
            self._size -= len(self._waiting[1])  # not the first: a part of it may have been taken
            del self._waiting[1]
            self._dropped += 1
            LOG_QUEUE_BYTES.reached()

    def _send_waiting(self) -> None:
        while self._waiting:
            try:
                sent = self._socket.send(self._waiting[0], socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            except OSError:  # full, or gone: kept for the next record
                return
            self._size -= sent
            if sent < len(self._waiting[0]):
                self._waiting[0] = self._waiting[0][sent:]
                return
            self._waiting.popleft()
            if not self._waiting and self._dropped:
                self._keep(b"<4>log lines dropped while the journal accepted none: %d\n" % self._dropped)
                self._dropped = 0


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError):  # closed, or none of the system's
        return None


class Formatter(logging.Formatter):
    """Formats records as lines, with their priority if the journal reads them.

    A record is one line, whatever is in it; a traceback's lines stay lines in text, and are one value
    elsewhere.
    """

    def __init__(self, form: str, *, for_journal: bool) -> None:
        super().__init__()
        self._render = _FORMS[form] if form != "text" else _journal_text if for_journal else _text
        self._for_journal = for_journal

    def format(self, record: logging.LogRecord) -> str:
        traceback = self.formatException(record.exc_info) if record.exc_info else ""
        prefix = ""
        if self._for_journal:
            prefix = next((text for level, text in _PREFIXES if record.levelno >= level), "<7>")
        return "\n".join(f"{prefix}{line}" for line in self._render(record, traceback))


def _text(record: logging.LogRecord, traceback: str) -> Iterator[str]:
    yield f"{_CLOCK.formatTime(record)} {record.levelname} {record.name}: {printable(record.getMessage())}"
    yield from map(printable, traceback.splitlines())


def _journal_text(record: logging.LogRecord, traceback: str) -> Iterator[str]:
    """The text for the journal, which adds time and process itself."""
    yield printable(record.getMessage())
    yield from map(printable, traceback.splitlines())


def _json(record: logging.LogRecord, traceback: str) -> Iterator[str]:
    import json  # noqa: PLC0415  # text needs none

    yield json.dumps(_members(record, traceback))


def _logfmt(record: logging.LogRecord, traceback: str) -> Iterator[str]:
    """A logfmt value, quoted as in JSON unless it is plain (github.com/go-logfmt/logfmt)."""
    import json  # noqa: PLC0415  # text needs none

    yield " ".join(
        f"{key}={value if _BARE.fullmatch(value) else json.dumps(value)}"
        for key, value in _members(record, traceback).items()
    )


def _members(record: logging.LogRecord, traceback: str) -> Mapping[str, str]:
    when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    members = {
        "time": when.replace("+00:00", "Z"),
        "level": _LEVELS.get(record.levelname, record.levelname.lower()),
        "logger": record.name,
        "msg": record.getMessage(),
    }
    alert: Mapping[str, str] = getattr(record, ALERT, {})
    members |= {key.lower(): value for key, value in alert.items() if key.startswith("LOWATCH_") and value}
    return members | ({"traceback": traceback} if traceback else {})


_FORMS: Mapping[str, Callable[[logging.LogRecord, str], Iterator[str]]] = {
    "text": _text,
    "logfmt": _logfmt,
    "json": _json,
}
