"""The daemon's log on a stderr that is not the journal's: a file, a terminal, or a pipe that nobody reads.

A write to a full pipe blocks, and would block the loop. O_NONBLOCK does not help: it belongs to the open
file, which others share (a shell, other commands of a script), and their writes would fail. So log lines
are put into a queue, and a daemon thread writes them. At the end it gets a moment, and no more.
"""

from __future__ import annotations

import logging
import os
import select
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lowatch.core.lifecycle import Tracked
from lowatch.core.limits.alerts import LOG_QUEUE_BYTES

FINDINGS = "findings"
"""The attribute of a log record that holds the findings it announces."""

_PATIENCE_AT_CLOSE = 0.5
"""Seconds that the reader of stderr gets for the last lines."""


class _Line(NamedTuple):
    data: bytes
    findings: Sequence[Tracked]


class StderrHandler(logging.Handler):
    """Writes lines in order. Lines wait up to a limit; beyond it the oldest are dropped, and counted.

    If no thread can be started, the lines wait until one can. lost: findings whose line was dropped.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = os.dup(descriptor)
        self._queue: deque[_Line] = deque()
        self._changed = threading.Condition()
        self._size = self._dropped = self.lost = 0
        self._thread: threading.Thread | None = None
        self._closing = False

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record) + "\n"
        except Exception:  # as logging's own handlers do
            self.handleError(record)
            return
        line = _Line(text.encode("utf-8", "backslashreplace"), getattr(record, FINDINGS, ()))
        with self._changed:
            self._keep(line)
            self._changed.notify_all()
        self._start()

    def undelivered(self) -> list[Tracked]:
        """The findings whose line has not been written yet, in order."""
        with self._changed:
            return [finding for line in self._queue for finding in line.findings]

    def drain(self, patience: float) -> None:
        """Wait until all lines have been written, but no longer than that many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: not self._queue, patience)

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is None:
            os.close(self._descriptor)
        else:
            self._thread.join(_PATIENCE_AT_CLOSE)  # it may block in write(2) until the process ends
        super().close()

    def _keep(self, line: _Line) -> None:
        self._queue.append(line)
        self._size += len(line.data)
        while self._size > LOG_QUEUE_BYTES.value and len(self._queue) > 2:
            gone = self._queue[1]  # not the first: a part of it may have been written
            del self._queue[1]
            self._size -= len(gone.data)
            self._dropped += 1
            self.lost += len(gone.findings)
            LOG_QUEUE_BYTES.reached()

    def _start(self) -> None:
        if self._thread is not None:
            return
        thread = threading.Thread(target=self._write_lines, name="log", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # none can be started: the next line tries again
            return
        self._thread = thread

    def _write_lines(self) -> None:
        for line in self._lines():
            rest = memoryview(line)
            try:
                while rest:
                    rest = rest[self._write(rest) :]
            except OSError:  # the reader is gone, or the disk is full
                continue
        os.close(self._descriptor)

    def _lines(self) -> Iterator[bytes]:
        """The lines. Each stays in the queue until it has been written. Ends when the handler is closed."""
        while True:
            with self._changed:
                while not self._queue:
                    if self._closing:
                        return
                    self._changed.wait()
                data = self._queue[0].data
            yield data
            with self._changed:
                self._size -= len(self._queue.popleft().data)
                if not self._queue and self._dropped:
                    self._report_dropped()
                self._changed.notify_all()

    def _report_dropped(self) -> None:
        text = f"log lines dropped while stderr was not read: {self._dropped}"
        record = logging.LogRecord("lowatch", logging.WARNING, __file__, 0, text, None, None)
        self._dropped = 0
        self._keep(_Line((self.format(record) + "\n").encode("utf-8", "backslashreplace"), ()))

    def _write(self, data: memoryview) -> int:
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:  # another process made the file non-blocking
            select.select([], [self._descriptor], [])
            return 0


def undelivered() -> list[Tracked]:
    """The findings whose line this process has logged, but not written yet."""
    return [finding for handler in _handlers() for finding in handler.undelivered()]


def drain(patience: float) -> None:
    """Wait until what has been logged is written, at most that many seconds. Blocks."""
    for handler in _handlers():
        handler.drain(patience)


def lost() -> int:
    """How many findings were lost with their lines, because nobody read stderr for too long."""
    return sum(handler.lost for handler in _handlers())


def _handlers() -> Iterator[StderrHandler]:
    return (one for one in logging.getLogger().handlers if isinstance(one, StderrHandler))
