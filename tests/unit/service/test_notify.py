"""What the service manager is told: over a real datagram socket, which may be full or gone."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from lowatch.service.notify import Notifier, watchdog_interval


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as listener:
        listener.bind(str(tmp_path / "notify"))
        yield listener


def heard(manager: socket.socket) -> list[set[str]]:
    """The assignments of each message so far."""
    messages = []
    while True:
        try:
            messages.append(set(manager.recv(4096).decode().splitlines()))
        except BlockingIOError:
            return messages


def test_it_is_reported(manager: socket.socket) -> None:
    Notifier(manager.getsockname()).notify(READY="1", STATUS="all is well")
    assert heard(manager) == [{"READY=1", "STATUS=all is well"}]


def test_an_abstract_address() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0lowatch-test-{os.getpid()}")
        Notifier(f"@lowatch-test-{os.getpid()}").notify(READY="1")
        assert manager.recv(100) == b"READY=1"


def test_what_a_full_queue_does_not_take_comes_with_the_next(manager: socket.socket) -> None:
    notifier = Notifier(manager.getsockname())
    for number in range(1000):  # net.unix.max_dgram_qlen is 10 to 512
        notifier.notify(STATUS=str(number))
    notifier.notify(READY="1", WATCHDOG="1")
    taken = heard(manager)
    assert len(taken) < 1000

    notifier.notify(STOPPING="1")
    assert heard(manager) == [{"STATUS=999", "READY=1", "STOPPING=1"}]
    notifier.notify(WATCHDOG="1")
    assert heard(manager) == [{"WATCHDOG=1"}]


def test_a_manager_that_is_gone_is_said_once(
    manager: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    path = Path(manager.getsockname())
    notifier = Notifier(str(path))
    path.unlink()
    notifier.notify(STATUS="one")
    notifier.notify(STATUS="two")
    assert [record.getMessage() for record in caplog.records] == [
        "cannot notify the service manager: No such file or directory, continuing"
    ]


def test_without_a_manager_nothing_is_sent() -> None:
    notifier = Notifier("")
    assert not notifier.wanted
    notifier.notify(READY="1")


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),  # our parent's
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog(environ: dict[str, str], seconds: float | None) -> None:
    assert watchdog_interval(environ) == seconds
