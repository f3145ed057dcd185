"""Units that start, by the directories of a cgroup tree: here in ordinary directories."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from lowatch.core.limits.kernel import SLICES_WATCHED
from lowatch.files.inotify import IN_Q_OVERFLOW, Event
from lowatch.kernel import unit_starts
from lowatch.kernel.unit_starts import UnitStarts
from tests.support.aio import run_async


class Heard:
    """Implements StartHints."""

    def __init__(self) -> None:
        self.times = 0
        self._changed = asyncio.Event()

    def unit_starts(self) -> None:
        self.times += 1
        self._changed.set()

    async def next(self) -> None:
        """Something is heard that was not before."""
        async with asyncio.timeout(30):
            await self._changed.wait()
        self._changed.clear()


@asynccontextmanager
async def following(root: Path, *more: Path) -> AsyncIterator[tuple[UnitStarts, Heard]]:
    heard = Heard()
    starts = UnitStarts(heard, (*more, root))
    starts.open()
    try:
        yield starts, heard
    finally:
        starts.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "cgroup.controllers").touch()
    (tmp_path / "system.slice" / "system-getty.slice").mkdir(parents=True)
    (tmp_path / "system.slice" / "nginx.service").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    "unit",
    ["system.slice/web.service", "system.slice/system-getty.slice/getty@1.service", "payload.scope"],
)
def test_a_unit_that_starts_is_heard(root: Path, unit: str) -> None:
    async def scenario() -> None:
        async with following(root, root / "absent") as (starts, heard):
            assert starts.works
            (root / unit).mkdir()
            await heard.next()
            assert heard.times == 1

    run_async(scenario())


def test_a_slice_that_comes_is_followed_too(root: Path) -> None:
    async def scenario() -> None:
        async with following(root) as (_, heard):
            (root / "machine.slice").mkdir()
            await heard.next()
            (root / "machine.slice" / "web.scope").mkdir()
            await heard.next()

    run_async(scenario())


def test_what_is_made_inside_a_unit_and_what_goes_is_not_heard(root: Path) -> None:
    async def scenario() -> None:
        async with following(root) as (_, heard):
            (root / "system.slice" / "nginx.service" / "worker").mkdir()
            (root / "system.slice" / "file").touch()
            (root / "system.slice" / "system-getty.slice").rmdir()
            (root / "system.slice" / "web.service").mkdir()
            await heard.next()
            assert heard.times == 1

    run_async(scenario())


def test_events_that_were_lost_count_as_one(root: Path) -> None:
    async def scenario() -> None:
        async with following(root) as (starts, heard):
            starts.on_events([Event(-1, IN_Q_OVERFLOW, b"")])
            assert heard.times == 1

    run_async(scenario())


@pytest.mark.parametrize("spoil", [lambda root: None, lambda root: (root / "cgroup.controllers").touch()])
def test_without_systems_slice_nothing_is_promised(tmp_path: Path, spoil: Callable[[Path], Any]) -> None:
    async def scenario() -> None:
        spoil(tmp_path)
        async with following(tmp_path) as (starts, _):
            assert not starts.works

    run_async(scenario())


def test_without_inotify_nothing_is_promised(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(listener: Any) -> Any:
        raise OSError(errno.EMFILE, "Too many open files")

    async def scenario() -> None:
        async with following(root) as (starts, _):
            assert not starts.works

    monkeypatch.setattr(unit_starts, "Inotify", none)
    run_async(scenario())


def test_the_number_of_slices_is_limited(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        before = SLICES_WATCHED.times
        async with following(root) as (starts, heard):
            assert starts.works
            (root / "machine.slice").mkdir()
            await heard.next()
            assert SLICES_WATCHED.times == before + 1

    monkeypatch.setattr(SLICES_WATCHED, "value", 3)
    run_async(scenario())
