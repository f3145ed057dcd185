"""Ten thousand files of names: a change is noticed, and the loop has its turn meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from lowatch.core.limits.files import WATCHED_FILES
from lowatch.files.places import fingerprints, places_of_many
from lowatch.files.watch import FileWatch
from tests.support.aio import run_async

MANY = 9_900
NEVER = 3600.0


class Told:
    def __init__(self) -> None:
        self._event = asyncio.Event()

    def files_changed(self) -> None:
        self._event.set()

    async def once_more(self) -> None:
        async with asyncio.timeout(60):
            await self._event.wait()
        self._event.clear()


@asynccontextmanager
async def watching(*paths: Path, poll_every: float = NEVER) -> AsyncIterator[tuple[FileWatch, Told]]:
    told = Told()
    watch = FileWatch(paths, poll_every)
    watch.open(told)
    await told.once_more()
    try:
        yield watch, told
    finally:
        watch.close()


def made(directory: Path, number: int) -> list[Path]:
    directory.mkdir()
    files = [directory / f"{one}.txt" for one in range(number)]
    for file in files:
        file.touch()
    return files


def watches() -> int:
    """Of the one inotify instance of this process."""
    infos = []
    for descriptor in list(Path("/proc/self/fd").iterdir()):
        with suppress(FileNotFoundError):  # the listing's own
            if "inotify" in str(descriptor.readlink()):
                infos.append(Path(f"/proc/self/fdinfo/{descriptor.name}").read_text())
    (info,) = infos
    return info.count("inotify wd:")


@pytest.mark.parametrize("with_directory", [True, False])
def test_each_kind_of_change_is_noticed(tmp_path: Path, with_directory: bool) -> None:
    async def scenario() -> None:
        directory = tmp_path / "names.d"
        files = made(directory, WATCHED_FILES.value + 10)
        paths = [*files, *([directory] if with_directory else [])]
        async with watching(*paths) as (_, told):
            files[7].write_text("written in place")
            await told.once_more()
            (directory / "new").write_text("renamed over")
            (directory / "new").rename(files[8])
            await told.once_more()
            files[9].unlink()
            await told.once_more()
            files[9].write_text("back")
            await told.once_more()
            directory.rename(tmp_path / "gone")
            await told.once_more()
            made(directory, 1)
            await told.once_more()
            files[0].write_text("watched again")
            await told.once_more()

    run_async(scenario(), 120)


def test_links_among_them_are_followed(tmp_path: Path) -> None:
    async def scenario() -> None:
        files = made(tmp_path / "names.d", WATCHED_FILES.value + 10)
        elsewhere = tmp_path / "elsewhere"
        made(elsewhere, 2)
        files[3].unlink()
        files[3].symlink_to(elsewhere / "0.txt")
        async with watching(*files, tmp_path / "names.d") as (_, told):
            (elsewhere / "0.txt").write_text("written")
            await told.once_more()
            files[3].unlink()
            files[3].symlink_to(elsewhere / "1.txt")
            await told.once_more()
            (elsewhere / "1.txt").write_text("written")
            await told.once_more()

    run_async(scenario(), 120)


def test_a_directory_is_watched_once_and_the_loop_has_its_turn(tmp_path: Path) -> None:
    async def scenario() -> float:
        files = made(tmp_path / "names.d", MANY)
        async with watching(*files, tmp_path / "names.d", poll_every=0.2) as (watch, told):
            assert watches() <= 4
            loop = asyncio.get_running_loop()
            worst, until = 0.0, loop.time() + 2.0
            while loop.time() < until:  # CPU time of the loop's thread: others may keep the machine busy
                asked = time.thread_time()
                await asyncio.sleep(0.001)
                worst = max(worst, time.thread_time() - asked)
            watch.replace_paths([*files[1:], tmp_path / "names.d"])
            await told.once_more()
            files[5].write_text("still noticed")
            await told.once_more()
            return worst

    assert run_async(scenario(), 120) < 0.5  # a second, when the loop did it


def test_what_cannot_be_looked_at_is_as_good_as_not_there() -> None:
    """Path.is_dir() raises what Path.exists() does not (EACCES, ENAMETOOLONG): the watch ended by it."""
    impossible = Path("/", "x" * 256)
    assert fingerprints([impossible, impossible / "names.txt"]) == {
        impossible: (),
        impossible / "names.txt": (),
    }


def test_paths_without_end_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    places = places_of_many([tmp_path / "one" / "a", tmp_path / "one"])
    assert places.files == frozenset()
    assert tmp_path in places.directories
