"""Zones are read again as files and addresses change, and no more often."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from lowatch.app import zones_follower as module
from lowatch.app.zone_expiry import ZoneExpiry
from lowatch.app.zones_follower import ZonesFollower
from lowatch.config.settings import Config, Nameserver, ZoneFile
from lowatch.config.zones import read as reading
from lowatch.config.zones.read import read_zones
from lowatch.core.addresses import Prefix, PrefixSet, parse_prefix
from lowatch.files.threads import DaemonThreads
from tests.support.aio import run_async
from tests.support.virtual_time import LoopClock
from tests.unit.app.config_users import in_force

SOA = "corp.example. 60 IN SOA ns.corp.example. root.corp.example. 7 3600 900 604800 60\n"
A, B = parse_prefix("192.0.2.10/32"), parse_prefix("192.0.2.20/32")
RECORDS = "a.corp.example. 60 IN A 192.0.2.10\nb.corp.example. 60 IN A 192.0.2.20\n"


class Host:
    def __init__(self, *prefixes: Prefix) -> None:
        self.prefixes: PrefixSet | None = PrefixSet(prefixes)

    def local_prefixes(self) -> PrefixSet | None:
        return self.prefixes


class Silent:
    async def serial(self, server: Nameserver, zone: str) -> int | str:
        raise AssertionError("no server is configured")


class Zones:
    """A zone in a file, followed. FileWatch and the daemon are left out: whoever changes it says so."""

    def __init__(self, directory: Path, *prefixes: Prefix) -> None:
        self.file = directory / "corp.zone"
        self.write(RECORDS)
        self.host = Host(*prefixes)
        zones = (ZoneFile(self.file),)
        self.config = in_force(Config(zones=zones))
        self.config.replace_zones(read_zones(zones, prefixes))
        self._audited = asyncio.Event()
        clock = LoopClock()
        expiry = ZoneExpiry(self.config, Silent(), clock)
        self.follower = ZonesFollower(self.config, self.host, self, expiry, DaemonThreads(), clock)

    def write(self, records: str) -> None:
        other = self.file.with_suffix(".new")
        other.write_text(SOA + records)
        other.rename(self.file)

    async def change(self) -> None:
        await self._audited.wait()
        self._audited.clear()

    def hold(self, *prefixes: Prefix) -> None:
        self.host.prefixes = PrefixSet(prefixes)
        self._audited.set()

    @property
    def names(self) -> set[str]:
        return {name.partition(".")[0] for name in self.config.current.policy.domains}

    async def until(self, look: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not look():
                await asyncio.sleep(0.02)

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(self.follower.run())
            yield
            following.cancel()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One for each reading of files."""
    monkeypatch.setattr(module, "SETTLED_AFTER", 0.1)
    monkeypatch.setattr("lowatch.app.settling_files.SETTLED_AFTER", 0.1)
    counted: list[int] = []
    whole = reading.leading_names

    def counting(*arguments: object) -> object:
        counted.append(1)
        return whole(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(reading, "leading_names", counting)
    return counted


def test_a_file_that_changes(tmp_path: Path, reads: list[int]) -> None:
    async def scenario() -> None:
        zones = Zones(tmp_path, A)
        async with zones.followed():
            assert zones.names == {"a"}
            zones.write("c.corp.example. 60 IN A 192.0.2.10\n")
            zones.follower.files_changed()
            await zones.until(lambda: zones.names == {"c"})
            zones.follower.files_changed()  # it has not
            await asyncio.sleep(0.3)
        assert len(reads) == 2

    run_async(scenario(), 120)


def test_an_address_that_comes_back_is_known(tmp_path: Path, reads: list[int]) -> None:
    async def scenario() -> None:
        zones = Zones(tmp_path, A)
        async with zones.followed():
            zones.hold(A, B)
            await zones.until(lambda: zones.names == {"a", "b"})
            assert len(reads) == 2
            for prefixes in ((A,), (A, B), (B,), (A, B)):
                zones.hold(*prefixes)
                await asyncio.sleep(0.3)
            assert (zones.names, len(reads)) == ({"a", "b"}, 2)

    run_async(scenario(), 120)


def test_unknown_addresses_change_nothing(tmp_path: Path, reads: list[int]) -> None:
    async def scenario() -> None:
        zones = Zones(tmp_path, A)
        async with zones.followed():
            zones.host.prefixes = None
            zones.write("")
            zones.follower.files_changed()
            await asyncio.sleep(0.3)
            assert (zones.names, len(reads)) == ({"a"}, 1)
            zones.hold(A)
            await zones.until(lambda: zones.names == set())

    run_async(scenario(), 120)


def test_a_damaged_file_keeps_its_names_and_is_reported_once(
    tmp_path: Path, reads: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        zones = Zones(tmp_path, A)
        async with zones.followed():
            zones.write("a.corp.example. 60 IN A")
            zones.follower.files_changed()
            await zones.until(lambda: bool(zones.config.current.zone_problems))
            zones.follower.files_changed()
            await asyncio.sleep(0.3)
            assert zones.names == {"a"}
            assert len(reads) == 2

    run_async(scenario(), 120)
    assert caplog.text.count("it is cut off; keeping its names (1), continuing") == 1


def test_zones_of_a_reload(tmp_path: Path, reads: list[int]) -> None:
    async def scenario() -> None:
        zones = Zones(tmp_path, A)
        other = tmp_path / "other.zone"
        other.write_text((SOA + RECORDS).replace("corp.example", "other.example"))
        async with zones.followed():
            loaded = zones.config.loaded
            zones.config.replace(replace(loaded, zones=(*loaded.zones, ZoneFile(other))))
            zones.hold(A)
            await zones.until(lambda: "a.other.example" in zones.config.current.policy.domains)
            zones.config.replace(replace(loaded, zones=()))
            assert zones.names == set()
        assert len(reads) == 2

    run_async(scenario(), 120)
