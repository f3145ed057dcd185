"""Log lines to a stderr that nobody reads: nobody waits for it, and what is lost is known."""

from __future__ import annotations

import logging
import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lowatch.core.findings import FindingKind
from lowatch.core.limits.alerts import LOG_QUEUE_BYTES
from lowatch.service import log_stream
from lowatch.service.log_stream import FINDINGS, StderrHandler
from tests.support.waiting import eventually
from tests.unit.report.audit_worlds import tracked

LOG = logging.getLogger("lowatch.test")
LONG = "x" * 1000
LINES = 4 * LOG_QUEUE_BYTES.value // len(LONG)


class Pipe:
    """What stderr is, and what reads it."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()

    def read(self) -> str:
        return os.read(self.reading, 1 << 16).decode()

    def close(self) -> None:
        for descriptor in (self.reading, self.writing):
            if descriptor >= 0:
                os.close(descriptor)

    def nobody_reads_any_more(self) -> None:
        os.close(self.reading)
        self.reading = -1


@contextmanager
def logged_to(descriptor: int) -> Iterator[StderrHandler]:
    handler = StderrHandler(descriptor)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel("INFO")
    try:
        yield handler
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
        handler.close()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


def read_until(pipe: Pipe, end: str) -> str:
    text = ""
    while end not in text:
        text += pipe.read()
    return text


def test_a_line_arrives_and_the_last_one_before_it_closes(pipe: Pipe) -> None:
    with logged_to(pipe.writing):
        LOG.warning("careful")
        assert pipe.read() == "careful\n"
        LOG.info("going")
    assert pipe.read() == "going\n"


def test_nobody_waits_and_the_oldest_go_first(pipe: Pipe) -> None:
    before = LOG_QUEUE_BYTES.times
    with logged_to(pipe.writing) as handler:
        began = time.monotonic()
        for number in range(LINES):
            LOG.info("%d %s", number, LONG)
        assert time.monotonic() - began < 60
        lines = read_until(pipe, "dropped while stderr was not read").splitlines()
        handler.drain(60)
    numbers = [int(line.split()[0]) for line in lines if line.endswith(LONG)]
    assert numbers == sorted(set(numbers))
    assert (numbers[0], numbers[-1]) == (0, LINES - 1)
    assert lines[-1] == f"log lines dropped while stderr was not read: {LINES - len(numbers)}"
    assert LOG_QUEUE_BYTES.times - before == LINES - len(numbers) > 0


def test_closing_waits_for_a_moment_only(pipe: Pipe) -> None:
    began = time.monotonic()
    with logged_to(pipe.writing):
        for number in range(200):
            LOG.info("%d %s", number, LONG)
    assert time.monotonic() - began < 60
    (writer,) = (thread for thread in threading.enumerate() if thread.name == "log")
    assert writer.daemon
    pipe.nobody_reads_any_more()
    writer.join(60)
    assert not writer.is_alive()


def test_what_nobody_has_taken_is_undelivered_and_what_was_dropped_is_lost(pipe: Pipe) -> None:
    one, other = (tracked(FindingKind.HOLDER_DOWN, "down", interface=name) for name in ("lo", "dummy0"))
    with logged_to(pipe.writing) as handler:
        LOG.info("alert", extra={FINDINGS: (one,)})
        handler.drain(60)
        assert log_stream.undelivered() == []
        for number in range(200):
            LOG.info("%d %s", number, LONG)
        eventually(lambda: not select.select([], [pipe.writing], [], 0)[1])  # it is full
        LOG.info("alert", extra={FINDINGS: (other,)})
        assert log_stream.undelivered() == [other]
        assert log_stream.lost() == 0
        for number in range(LINES):
            LOG.info("%d %s", number, LONG)
        assert (log_stream.undelivered(), log_stream.lost()) == ([], 1)
        read_until(pipe, "dropped while stderr was not read")


def test_whoever_read_it_is_gone(pipe: Pipe) -> None:
    pipe.nobody_reads_any_more()
    with logged_to(pipe.writing) as handler:
        LOG.info("nobody hears")
        handler.drain(60)
        assert log_stream.undelivered() == []


def test_somebody_else_made_it_non_blocking() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        with logged_to(ours.fileno()):
            for number in range(1000):
                LOG.info("%d %s", number, LONG)
            text = ""
            while f"999 {LONG}\n" not in text:
                text += theirs.recv(1 << 16).decode()
        assert text.count("\n") == 1000


def test_without_a_thread_lines_wait_for_one(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with logged_to(pipe.writing) as handler:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            LOG.info("first")
        LOG.info("second")
        handler.drain(60)
        assert pipe.read() == "first\nsecond\n"


@pytest.fixture(autouse=True)
def no_writer_left() -> Iterator[None]:
    yield
    eventually(lambda: all(one.name != "log" for one in threading.enumerate()), 60)
