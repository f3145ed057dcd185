"""Where log records go: to stderr, in the form that whoever reads it there expects."""

from __future__ import annotations

import logging
import os
import socket
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from lowatch.core.limits import LOG_QUEUE_BYTES

from .environment import Environment
from .log_format import Formatter


class _JournalStream(logging.Handler):
    """To a stderr that systemd connected to the journal, without ever waiting for journald.

    A stopped journald lets a write block once its socket is full, and the loop with it. What is not
    taken waits for the next record, up to a number; the oldest go first, and are counted.
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
                self._keep(b"<4>log lines dropped while the journal took none: %d\n" % self._dropped)
                self._dropped = 0


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError):  # closed, or none of the system's
        return None


@contextmanager
def logging_to(
    environment: Environment, level: str, form: str = "text", *, waits: bool = True
) -> Iterator[None]:
    """Records of `level` and above go to the environment's stderr, until this is left again.

    form: one of log_format.FORMS. waits: whether whoever logs waits for whoever reads, as commands do.
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
