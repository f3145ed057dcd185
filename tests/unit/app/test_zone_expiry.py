"""A zone's server is asked once per refresh, and what it says is a problem of the zone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lowatch.app.zone_expiry import AGAIN_AFTER, ZoneExpiry
from lowatch.config.settings import Config, Nameserver, ZoneFile
from lowatch.config.zones.leading import Soa
from lowatch.config.zones.read import ReadZone
from tests.support.virtual_time import LoopClock, run_virtually
from tests.unit.app.config_users import in_force

FILE, SERVER = Path("/zones/corp.zone"), Nameserver("127.0.0.1")
REFRESH = 3600


def zone(serial: int) -> ReadZone:
    return ReadZone(FILE, soa=Soa("corp.example", serial, REFRESH, 900, 604800))


class Server:
    """asked: when, in virtual seconds."""

    def __init__(self) -> None:
        self.answer: int | str = 7
        self.asked: list[float] = []

    async def serial(self, server: Nameserver, zone: str) -> int | str:
        assert (server, zone) == (SERVER, "corp.example")
        self.asked.append(round(asyncio.get_running_loop().time()))
        return self.answer


class World:
    def __init__(self, *, server: Nameserver | None = SERVER) -> None:
        self.server = Server()
        self.config = in_force(Config(zones=(ZoneFile(FILE, server),)))
        self.config.replace_zones((zone(7),))
        self.expiry = ZoneExpiry(self.config, self.server, LoopClock())

    @property
    def problems(self) -> list[str]:
        return list(map(str, self.config.current.zone_problems))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.expiry.run())
            yield
            task.cancel()


def test_once_per_refresh() -> None:
    async def scenario() -> None:
        world = World()
        async with world.running():
            await asyncio.sleep(3 * REFRESH + 10)
        first = world.server.asked[0]
        assert [at - first for at in world.server.asked] == [0, REFRESH, 2 * REFRESH, 3 * REFRESH]
        assert world.problems == []

    run_virtually(scenario())


def test_a_server_without_the_zone_is_a_problem_until_it_has_it() -> None:
    async def scenario() -> None:
        world = World()
        world.server.answer = "SERVFAIL"
        async with world.running():
            await asyncio.sleep(1)
            assert world.problems == [
                f"{FILE}: 127.0.0.1: SERVFAIL: the zone has expired, or it is not loaded"
            ]
            world.server.answer = 7
            await asyncio.sleep(AGAIN_AFTER)
            assert world.problems == []

    run_virtually(scenario())


def test_a_file_that_stays_behind_is_a_problem_but_not_for_a_moment() -> None:
    async def scenario() -> None:
        world = World()
        world.server.answer = 8
        async with world.running():
            await asyncio.sleep(1)
            assert world.problems == []
            await asyncio.sleep(AGAIN_AFTER)
            assert world.problems == [f"{FILE}: has serial 7, but 127.0.0.1 has 8: the file is not written"]
            world.config.replace_zones((zone(8),))
            world.expiry.zones_changed()
            await asyncio.sleep(1)
            assert world.problems == []

    run_virtually(scenario())


def test_a_file_ahead_of_its_server_is_none() -> None:
    async def scenario() -> None:
        world = World()
        world.server.answer = 6
        async with world.running():
            await asyncio.sleep(1 + AGAIN_AFTER)
        assert world.problems == []

    run_virtually(scenario())


@pytest.mark.parametrize("read", [True, False])
def test_without_a_server_or_a_zone_nobody_is_asked(read: bool) -> None:
    async def scenario() -> None:
        world = World(server=None if read else SERVER)
        if not read:
            world.config.replace_zones((ReadZone(FILE, problem="no such file"),))
        async with world.running():
            await asyncio.sleep(REFRESH)
        assert world.server.asked == []

    run_virtually(scenario())
