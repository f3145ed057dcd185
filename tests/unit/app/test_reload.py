"""Who asks for a reload gets one that began after that, and as few are made as that takes."""

from __future__ import annotations

import asyncio
import platform
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from threading import Event

from lowatch import __version__
from lowatch.app.names_follower import NamesFollower
from lowatch.app.reload import Reload
from lowatch.config.errors import ConfigError, ConfigErrors
from lowatch.config.load import load
from lowatch.config.settings import Config, Listen
from lowatch.files.threads import DaemonThreads
from lowatch.report.metrics.instruments import Build, Instruments
from lowatch.report.status import ReloadOutcome
from lowatch.wiring.versions import build
from tests.support.aio import run_async
from tests.support.virtual_time import LoopClock
from tests.unit.app.config_users import ConfigUser, in_force


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


class Scene:
    """A reload, what it reads, and the configuration that it puts into force."""

    def __init__(self) -> None:
        self.files = Files()
        self.user = ConfigUser()
        self.instruments = Instruments(Build("1.0"))
        clock, threads = LoopClock(), DaemonThreads()
        self.config = in_force(self.files.config, self.user)
        names = NamesFollower(self.config, threads, clock)
        self.reload = Reload(self.files, self.config, names, self.instruments, threads, clock)

    @property
    def takes(self) -> int:
        return len(self.user.policies)


Story = Callable[[Files, Scene, Reload], Awaitable[None]]


def told(story: Story) -> None:
    async def scenario() -> None:
        scene = Scene()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(scene.reload.run())
            await story(scene.files, scene, scene.reload)
            task.cancel()

    run_async(scenario())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)  # of a thread


def test_it_tells_what_came_of_it() -> None:
    async def story(files: Files, scene: Scene, reload: Reload) -> None:
        files.config = replace(files.config)
        assert await reload.now() == ReloadOutcome()
        assert scene.config.current is files.config
        assert reload.last is not None
        assert reload.last.error == ""

        files.error = "hold: 'soon' is not a duration"
        assert files.error in (await reload.now()).error
        assert scene.takes == 1
        assert files.error in reload.last.error

    told(story)


def test_those_who_ask_meanwhile_share_the_next_one() -> None:
    """A hundred of them, by all three ways: the one under way may have read what has changed since."""

    async def story(files: Files, scene: Scene, reload: Reload) -> None:
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
        assert (files.loads, scene.takes) == (2, 2)

    told(story)


def test_one_who_goes_away_takes_nobody_along() -> None:
    async def story(files: Files, _scene: Scene, reload: Reload) -> None:
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


def test_what_takes_a_restart_is_reported_until_it_is_as_it_was() -> None:
    async def story(files: Files, scene: Scene, reload: Reload) -> None:
        start = files.config
        said = "web.listen needs a restart: running with 127.0.0.1:10048, configured [::1]:1"
        files.config = replace(start, web=replace(start.web, listen=(Listen("::1", 1),)))
        assert await reload.now() == ReloadOutcome(pending=(said,))
        assert scene.instruments.reload_pending == ("web.listen",)
        files.error = "hold: 'soon' is not a duration"
        assert (await reload.now()).pending == (said,)
        files.error, files.config = "", start
        assert await reload.now() == ReloadOutcome()
        assert scene.instruments.reload_pending == ()

    told(story)


def test_each_hangup_is_a_request() -> None:
    async def story(files: Files, scene: Scene, reload: Reload) -> None:
        hangup = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(reload.request_whenever(hangup))
            hangup.set()
            await until(lambda: scene.takes == 1)
            hangup.set()
            await until(lambda: scene.takes == 2)
            assert files.loads == 2
            task.cancel()

    told(story)


def test_what_it_is_made_of() -> None:
    made = build()
    assert made.version == __version__
    assert made.python == platform.python_version()
    assert re.match(r"2\.\d+", made.dnspython)
