"""Log lines to a journal that does not read: nobody waits for it."""

from __future__ import annotations

import io
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from lowatch.cli.environment import Environment
from lowatch.cli.logs import logging_to
from lowatch.core.limits.alerts import LOG_QUEUE_BYTES

LONG = "x" * 1000
LINES = 4 * LOG_QUEUE_BYTES.value // len(LONG)


@pytest.fixture
def journal() -> Iterator[socket.socket]:
    """What journald would read, of a process whose log level is info."""
    with ExitStack() as stack:
        ours, journal = map(stack.enter_context, socket.socketpair())
        stderr = stack.enter_context(ours.makefile("w"))
        environment = Environment(io.StringIO(), stderr, lambda _: None, pytest.fail, under_systemd=True)
        stack.enter_context(logging_to(environment, "info"))
        journal.settimeout(1)
        yield journal


def read(journal: socket.socket) -> str:
    """All that is there."""
    data = b""
    journal.setblocking(False)
    while True:
        try:
            data += journal.recv(1 << 16)
        except BlockingIOError:
            return data.decode()


def test_a_line_arrives_at_once(journal: socket.socket) -> None:
    logging.getLogger("lowatch.test").warning("careful: %s", "caf\N{LATIN SMALL LETTER E WITH ACUTE}")
    assert read(journal) == "<4>careful: caf\\xe9\n"


def test_nobody_waits_and_lines_stay_whole(journal: socket.socket) -> None:
    log = logging.getLogger("lowatch.test")
    slowest = 0.0
    for number in range(LINES):
        began = time.monotonic()
        log.info("%d %s", number, LONG)
        slowest = max(slowest, time.monotonic() - began)
    assert slowest < 5  # it would wait for ever

    taken = read(journal)
    while "dropped" not in taken:  # a socket's worth with each record
        log.info("again")
        taken += read(journal)
    lines = taken.splitlines()
    numbers = [int(line.split()[0].removeprefix("<6>")) for line in lines if line.endswith(LONG)]
    assert numbers == sorted(set(numbers))
    assert numbers[0] == 0
    assert numbers[-1] == LINES - 1
    dropped = LINES - len(numbers)
    assert dropped > LINES / 2
    *others, last = [line for line in lines if not line.endswith(LONG)]
    assert set(others) == {"<6>again"}
    told = int(last.removeprefix("<4>log lines dropped while the journal accepted none: "))
    assert told == dropped  # room for "again" included


def test_a_journal_that_is_gone_is_no_error(journal: socket.socket) -> None:
    journal.close()
    logging.getLogger("lowatch.test").error("nobody hears")
