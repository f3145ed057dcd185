"""Names are read again as their files change, and no file's trouble is another's."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lowatch.app import names_follower as module
from lowatch.app.names_follower import NamesFollower
from lowatch.config.load import load
from lowatch.config.settings import Config
from lowatch.files.threads import DaemonThreads, thread_problem
from tests.support.aio import run_async
from tests.support.virtual_time import LoopClock
from tests.unit.app.config_users import in_force


class Names:
    """A configuration with names.d/*.txt, followed. FileWatch is left out: whoever writes says so."""

    def __init__(self, directory: Path) -> None:
        self.folder = directory / "names.d"
        self.folder.mkdir()
        self._main = directory / "lowatch.toml"
        self._main.write_text('[[domains_from]]\npath = "names.d/*.txt"\n')
        self._in_force = in_force(load(None))
        self._follow()

    @property
    def config(self) -> Config:
        return self._in_force.current

    def _follow(self) -> None:
        self.follower = NamesFollower(self._in_force, DaemonThreads(), LoopClock())

    def write(self, file: str, text: str) -> None:
        (self.folder / file).write_text(text)
        self.follower.files_changed()

    async def until(self, *domains: str) -> None:
        async with asyncio.timeout(60):
            while set(self.config.policy.domains) != set(domains):
                await asyncio.sleep(0.02)

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        self._in_force = in_force(load(self._main))
        self._follow()
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(self.follower.run())
            yield
            following.cancel()


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Names:
    for name, seconds in (("READ_WITHIN", 0.4), ("SETTLED_AFTER", 0.1), ("_THREAD_AFTER", 0.1)):
        monkeypatch.setattr(module, name, seconds)
    monkeypatch.setattr("lowatch.app.settling_files.SETTLED_AFTER", 0.1)
    monkeypatch.setattr("lowatch.app.settling_files.TAKEN_AFTER", 2.0)
    return Names(tmp_path)


@asynccontextmanager
async def touched(write: Callable[[int], None]) -> AsyncIterator[None]:
    """Much more often than it takes to settle."""

    async def touch() -> None:
        for number in range(1_000_000):
            write(number)
            await asyncio.sleep(0.03)

    async with asyncio.TaskGroup() as tasks:
        touching = tasks.create_task(touch())
        yield
        touching.cancel()


def test_a_file_that_is_touched_all_the_time_delays_no_other_and_not_itself(names: Names) -> None:
    async def scenario() -> None:
        names.write("a.txt", "a.example\n")
        names.write("b.txt", "b.example\n")
        text = "b.example\n"
        async with names.followed(), touched(lambda _: names.write("b.txt", text)):
            names.write("a.txt", "other.example\n")
            await names.until("other.example", "b.example")
            text = "b.example\nmore.example\n"
            await names.until("other.example", "b.example", "more.example")
            text = "more.example\n"
            await names.until("other.example", "more.example")

    run_async(scenario(), 120)


def test_a_name_does_not_go_while_its_file_is_written(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer truncates it first, and takes its time."""
    monkeypatch.setattr("lowatch.app.settling_files.TAKEN_AFTER", 1e9)

    async def scenario() -> None:
        names.write("a.txt", "a.example\n")
        names.write("b.txt", "b.example\nb2.example\n")
        async with names.followed():
            async with touched(lambda number: names.write("b.txt", "#" * (number % 100))):
                names.write("a.txt", "a.example\nnew.example\n")
                await names.until("a.example", "b.example", "b2.example", "new.example")
            names.write("b.txt", "b2.example\n")
            await names.until("a.example", "b2.example", "new.example")

    run_async(scenario(), 120)


def test_a_file_that_cannot_be_read_keeps_its_names_and_others_go_on(
    names: Names, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        names.write("a.txt", "a.example\n")
        names.write("b.txt", "b.example\n")
        async with names.followed():
            (names.folder / "b.txt").unlink()
            os.mkfifo(names.folder / "b.txt")
            names.write("a.txt", "a.example\nnew.example\n")
            await names.until("a.example", "b.example", "new.example")
            names.write("a.txt", "a.example\nnewer.example\n")
            await names.until("a.example", "b.example", "new.example", "newer.example")
            (names.folder / "b.txt").unlink()
            names.write("b.txt", "b.example\n")
            await names.until("a.example", "b.example", "newer.example")

    run_async(scenario(), 120)
    assert sum("cannot be read now, keeping its domains" in message for message in caplog.messages) == 1


def test_without_a_thread_they_are_read_later(
    names: Names, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """pthread_create(3) fails where the cgroup's pids.max or RLIMIT_NPROC is reached."""
    real = threading.Thread.start
    refusing = True

    def start(thread: threading.Thread) -> None:
        if refusing and threading.current_thread() is threading.main_thread():
            raise RuntimeError("can't start new thread")
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)

    async def scenario() -> None:
        nonlocal refusing
        names.write("a.txt", "a.example\n")
        async with names.followed():
            names.write("a.txt", "other.example\n")
            while "can't start new thread" not in caplog.text:
                await asyncio.sleep(0.02)
            assert "can't start new thread" in thread_problem()
            await asyncio.sleep(0.5)
            assert set(names.config.policy.domains) == {"a.example"}
            refusing = False
            await names.until("other.example")
            assert thread_problem() == ""

    run_async(scenario(), 120)
    assert caplog.text.count("can't start new thread") == 1
