"""Who asks for a reload gets one that began after that, and as few are made as that takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from threading import Event

from lowatch.config.errors import ConfigError, ConfigErrors
from lowatch.config.load import load
from lowatch.config.schema import Config
from lowatch.report.metrics_instruments import Instruments
from lowatch.wiring.reload import Reload
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
        reload = Reload(files.load, lambda: taken.config, taken.take, Instruments("1.0"))
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
        assert await reload.now() == ""
        assert taken.config is files.config
        assert reload.last is not None
        assert reload.last.error == ""

        files.error = "hold: 'soon' is no duration"
        assert files.error in await reload.now()
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
        assert [one.result() for one in asking] == [""] * 100
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
        assert patient.result() == ""
        assert await reload.now() == ""

    told(story)
