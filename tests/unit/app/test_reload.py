"""Who asks for a reload gets one that began after that, and as few are made as that takes."""

from __future__ import annotations

import asyncio
import platform
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from threading import Event

from lowatch import __version__
from lowatch.app.pending_restart import Pending, pending
from lowatch.app.reload import Reload
from lowatch.config.errors import ConfigError, ConfigErrors
from lowatch.config.load import load
from lowatch.config.settings import Config, Listen
from lowatch.report.metrics.instruments import Build, Instruments
from lowatch.report.reload import (
    ReloadOutcome,
)
from lowatch.wiring.versions import build
from tests.support.aio import run_async


class Files:
    """What is to be read. loads: how often it was. slow: reading waits for `read`."""

    def __init__(self) -> None:
        self.config = load(None)
        self.loads = 0
        self.slow = False
        self.read = Event()
        self.error = ""

    def load(self) -> Config:
        self.loads += 1
        if self.slow:
            assert self.read.wait(10)
        if self.error:
            raise ConfigErrors([ConfigError(None, None, "", self.error)])
        return self.config


class Taken:
    def __init__(self, files: Files) -> None:
        self.config = files.config
        self.takes = 0

    def take(self, config: Config) -> None:
        self.config = config
        self.takes += 1


Story = Callable[[Files, Taken, Reload], Awaitable[None]]


def told(story: Story) -> None:
    async def scenario() -> None:
        files = Files()
        taken = Taken(files)
        reload = Reload(files.load, lambda: taken.config, taken.take, lambda: (), Instruments(Build("1.0")))
        async with asyncio.TaskGroup() as group:
            task = group.create_task(reload.run())
            await story(files, taken, reload)
            task.cancel()

    run_async(scenario())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)  # of a thread


def test_it_tells_what_came_of_it() -> None:
    async def story(files: Files, taken: Taken, reload: Reload) -> None:
        files.config = replace(files.config)
        assert await reload.now() == ReloadOutcome()
        assert taken.config is files.config
        assert reload.last is not None
        assert reload.last.error == ""

        files.error = "hold: 'soon' is not a duration"
        assert files.error in (await reload.now()).error
        assert taken.takes == 1
        assert files.error in reload.last.error

    told(story)


def test_those_who_ask_meanwhile_share_the_next_one() -> None:
    """A hundred of them, by all three ways: the one under way may have read what has changed since."""

    async def story(files: Files, taken: Taken, reload: Reload) -> None:
        files.slow = True
        reload.request()
        await until(lambda: files.loads == 1)
        async with asyncio.TaskGroup() as group:
            asking = [group.create_task(reload.now()) for _ in range(100)]
            reload.request()
            await asyncio.sleep(0)
            assert not any(one.done() for one in asking)
            files.read.set()
        assert [one.result() for one in asking] == [ReloadOutcome()] * 100
        assert (files.loads, taken.takes) == (2, 2)

    told(story)


def test_one_who_goes_away_takes_nobody_along() -> None:
    async def story(files: Files, _taken: Taken, reload: Reload) -> None:
        files.slow = True
        async with asyncio.TaskGroup() as group:
            impatient = group.create_task(reload.now())
            patient = group.create_task(reload.now())
            await until(lambda: files.loads == 1)
            impatient.cancel()
            await asyncio.wait([impatient])
            files.read.set()
        assert patient.result() == ReloadOutcome()
        assert await reload.now() == ReloadOutcome()

    told(story)


class TestPending:
    START = load(None)

    def changed(self, **web: object) -> Config:
        return replace(self.START, web=replace(self.START.web, **web))  # type: ignore[arg-type]

    def test_nothing_as_long_as_nothing_has_changed(self) -> None:
        assert pending(self.START, replace(self.START), activated=False) == ()

    def test_what_takes_no_restart(self) -> None:
        after = self.changed(telemetry_path="/other", enable_reload=True)
        assert pending(self.START, after, activated=False) == ()

    def test_where_the_pages_are(self) -> None:
        after = self.changed(listen=(Listen("::1", 1), Listen("", 2)))
        [one] = pending(self.START, after, activated=False)
        assert one == Pending("web.listen", "127.0.0.1:10048", "[::1]:1, :2")
        assert (
            str(one) == "web.listen needs a restart: running with 127.0.0.1:10048, configured [::1]:1, :2"
        )
        assert pending(after, self.changed(listen=()), activated=False)[0].configured == "nowhere"

    def test_sockets_of_systemd_take_the_place_of_web_listen_after_a_restart_as_well(self) -> None:
        assert pending(self.START, self.changed(listen=()), activated=True) == ()

    def test_the_journal(self) -> None:
        [one] = pending(self.START, replace(self.START, journal_enabled=False), activated=True)
        assert str(one) == "journal.enabled needs a restart: running with true, configured false"


def test_what_it_left_is_told_until_it_is_as_it_was() -> None:
    left: tuple[Pending, ...] = (Pending("web.listen", "a", "b"),)
    instruments = Instruments(Build("1.0"))

    async def scenario() -> None:
        nonlocal left
        files = Files()
        reload = Reload(files.load, lambda: files.config, lambda _: None, lambda: left, instruments)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(reload.run())
            said = "web.listen needs a restart: running with a, configured b"
            assert await reload.now() == ReloadOutcome(pending=(said,))
            assert instruments.reload_pending == ["web.listen"]
            files.error = "hold: 'soon' is not a duration"
            assert (await reload.now()).pending == (said,)
            files.error, left = "", ()
            assert await reload.now() == ReloadOutcome()
            assert instruments.reload_pending == []
            task.cancel()

    run_async(scenario())


def test_what_it_is_made_of() -> None:
    made = build()
    assert made.version == __version__
    assert made.python == platform.python_version()
    assert re.match(r"2\.\d+", made.dnspython)
