"""What a service manager hears, of parts that live and of parts that do not."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from lowatch.app.supervision import Supervision
from lowatch.core.liveness import Heartbeat, LivenessMonitor
from lowatch.service.notify import Notifier
from tests.support.aio import run_async
from tests.support.virtual_time import LoopClock, run_virtually


class Parts:
    """A daemon, its resolver, and what they say of themselves."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self.ready = False
        self.status = "starting"
        self.progress = 0
        self.busy = False

    async def change(self) -> None:
        self.changed.clear()
        await self.changed.wait()

    def line(self) -> str:
        return self.status

    def heartbeats(self) -> list[Heartbeat]:
        return [Heartbeat("resolver", self.busy, self.progress, 30.0)]


class Manager:
    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(str(path))

    def heard(self) -> list[set[str]]:
        messages = []
        with suppress(BlockingIOError):
            while True:
                messages.append(set(self.socket.recv(4096).decode().splitlines()))
        return messages


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    found = Manager(tmp_path / "notify")
    with found.socket:
        yield found


Story = Callable[[Parts, LivenessMonitor], Awaitable[None]]


async def supervised(manager: Manager, story: Story, watchdog: float | None = 30.0) -> None:
    parts, monitor = Parts(), LivenessMonitor()
    notifier = Notifier(manager.socket.getsockname())
    supervision = Supervision(notifier, watchdog, parts, [parts], monitor, parts, LoopClock())
    async with asyncio.TaskGroup() as group:
        task = group.create_task(supervision.run())
        await story(parts, monitor)
        task.cancel()


def test_a_start_that_takes_its_time(manager: Manager) -> None:
    async def story(parts: Parts, _monitor: LivenessMonitor) -> None:
        await asyncio.sleep(11)
        assert manager.heard() == [
            {"WATCHDOG=1", "EXTEND_TIMEOUT_USEC=60000000", "STATUS=starting"},
            {"WATCHDOG=1", "EXTEND_TIMEOUT_USEC=60000000"},
            {"WATCHDOG=1", "EXTEND_TIMEOUT_USEC=60000000"},
        ]
        parts.ready, parts.status = True, "all is well"
        parts.changed.set()
        await asyncio.sleep(1)
        assert manager.heard() == [{"WATCHDOG=1", "READY=1", "STATUS=all is well"}]

    run_virtually(supervised(manager, story))


def test_news_is_reported_soon_and_no_faster_than_it_can_be_read(manager: Manager) -> None:
    async def story(parts: Parts, _monitor: LivenessMonitor) -> None:
        for number in range(100):
            parts.status = str(number)
            parts.changed.set()
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
        heard = manager.heard()
        assert len(heard) <= 6
        assert "STATUS=99" in heard[-1]

    run_virtually(supervised(manager, story))


def test_a_short_watchdog_is_fed_in_time(manager: Manager) -> None:
    async def story(_parts: Parts, _monitor: LivenessMonitor) -> None:
        for _ in range(10):
            await asyncio.sleep(2)
            assert len(manager.heard()) >= 2

    run_virtually(supervised(manager, story, watchdog=2.0))


def test_a_stuck_part_trips_the_watchdog(manager: Manager, caplog: pytest.LogCaptureFixture) -> None:
    async def story(parts: Parts, monitor: LivenessMonitor) -> None:
        parts.busy = True
        await asyncio.sleep(30)
        assert all("WATCHDOG=1" in message for message in manager.heard())
        await asyncio.sleep(11)
        said = "resolver: no progress for 35 s (limit 30 s)"
        assert {"WATCHDOG=trigger", f"STATUS={said}"} in manager.heard()
        assert [record.getMessage() for record in caplog.records] == [said]
        assert monitor.latest[0].stuck

        parts.progress += 1  # and should it live after all, then so does the daemon
        await asyncio.sleep(5)
        assert manager.heard()[-1] >= {"WATCHDOG=1", "STATUS=starting"}

    with caplog.at_level(logging.WARNING):
        run_virtually(supervised(manager, story))


def test_the_manager_is_notified_of_the_end(manager: Manager) -> None:
    async def story(_parts: Parts, _monitor: LivenessMonitor) -> None:
        await asyncio.sleep(0)

    run_async(supervised(manager, story))
    assert manager.heard()[-1] == {"STOPPING=1", "STATUS=stopping"}
