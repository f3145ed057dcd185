"""lowatch.files.watch: a change is noticed, however the file is replaced."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lowatch.files.watch import MAX_DELAY, QUIET, FileWatch
from tests.support.repository import ROOT
from tests.support.virtual_time import run_virtually

NEVER = 3600.0
SOON = 0.03
"""Seconds: a poll for tests that want one."""
PROMPTLY = 1.0


class Told:
    """Counts the calls of changed(); seconds() is when they came."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self._event = asyncio.Event()

    def files_changed(self) -> None:
        self.times.append(asyncio.get_running_loop().time())
        self._event.set()

    async def once_more(self, within: float = PROMPTLY) -> None:
        async with asyncio.timeout(within):
            await self._event.wait()
        self._event.clear()

    async def not_again(self) -> None:
        with pytest.raises(TimeoutError):
            await self.once_more(within=3 * QUIET)


@asynccontextmanager
async def watching(*paths: Path, poll_every: float = NEVER) -> AsyncIterator[Told]:
    told = Told()
    watch = FileWatch(paths, poll_every)
    watch.open(told)
    try:
        yield told
    finally:
        watch.close()


def swap_link(link: Path, target: str) -> None:
    new = link.with_name(link.name + ".new")
    new.symlink_to(target)
    new.replace(link)


def rename_over(path: Path) -> None:
    new = path.with_name("elsewhere")
    new.write_text("new")
    new.replace(path)


def rewrite_in_place(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"new")


def truncate_and_write(path: Path) -> None:
    path.write_text("new")


def delete_and_recreate(path: Path) -> None:
    path.unlink()
    path.write_text("new")


WAYS = [rename_over, rewrite_in_place, truncate_and_write, delete_and_recreate, Path.unlink]


@pytest.mark.parametrize("change", WAYS)
def test_a_file_changes(tmp_path: Path, change: Callable[[Path], object]) -> None:
    async def scenario() -> None:
        path = tmp_path / "hosts"
        path.write_text("old")
        async with watching(path) as told:
            change(path)
            await told.once_more()
            path.write_text("newer")  # whatever inode is there now is being watched as well
            await told.once_more()

    run_virtually(scenario())


def test_a_file_that_is_written_and_stays_open(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with watching(tmp_path / "hosts") as told:
            with (tmp_path / "hosts").open("w") as file:
                await told.once_more()
                file.write("new")
                file.flush()
                await told.once_more()

    run_virtually(scenario())


def test_changes_beside_it_are_not_reported(tmp_path: Path) -> None:
    async def scenario() -> None:
        (tmp_path / "hosts").write_text("old")
        async with watching(tmp_path / "hosts") as told:
            (tmp_path / "other").write_text("new")
            (tmp_path / "hosts").read_text()
            await told.not_again()

    run_virtually(scenario())


@pytest.mark.parametrize("change", [rename_over, truncate_and_write, Path.unlink])
def test_the_file_at_the_end_of_a_chain_of_links(tmp_path: Path, change: Callable[[Path], object]) -> None:
    """resolv.conf -> ../run/systemd/resolve/stub-resolv.conf, the directory a link as well."""

    async def scenario() -> None:
        etc, run = tmp_path / "etc", tmp_path / "run" / "resolve"
        etc.mkdir()
        run.mkdir(parents=True)
        (run / "stub").write_text("old")
        (tmp_path / "var").symlink_to("run")
        (etc / "resolv.conf").symlink_to("../var/resolve/stub")
        async with watching(etc / "resolv.conf") as told:
            change(run / "stub")
            await told.once_more()

    run_virtually(scenario())


def test_each_link_of_a_chain_may_be_swapped(tmp_path: Path) -> None:
    async def scenario() -> None:
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "hosts").write_text(name)
        (tmp_path / "current").symlink_to("a")
        (tmp_path / "hosts").symlink_to("current/hosts")
        async with watching(tmp_path / "hosts") as told:
            swap_link(tmp_path / "current", "b")
            await told.once_more()
            (tmp_path / "b" / "hosts").write_text("watched by now")
            await told.once_more()
            (tmp_path / "a" / "hosts").write_text("no longer")
            await told.not_again()
            swap_link(tmp_path / "hosts", str(tmp_path / "a" / "hosts"))
            await told.once_more()
            (tmp_path / "a" / "hosts").write_text("again")
            await told.once_more()

    run_virtually(scenario())


def test_kubernetes_swaps_the_directory_of_a_volume(tmp_path: Path) -> None:
    """hosts -> ..data/hosts, ..data -> ..2026_1: a new directory, ..data is swapped, the old one goes."""

    async def scenario() -> None:
        def version(name: str) -> Path:
            directory = tmp_path / name
            directory.mkdir()
            (directory / "hosts").write_text(name)
            return directory

        old = version("..2026_1")
        (tmp_path / "..data").symlink_to("..2026_1")
        (tmp_path / "hosts").symlink_to("..data/hosts")
        async with watching(tmp_path / "hosts") as told:
            for number in (2, 3):
                new = version(f"..2026_{number}")
                swap_link(tmp_path / "..data", new.name)
                (old / "hosts").unlink()
                old.rmdir()
                old = new
                await told.once_more()

    run_virtually(scenario())


def test_a_directory_that_comes_later_is_waited_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "run" / "systemd" / "resolve" / "stub"
        (tmp_path / "resolv.conf").symlink_to("run/systemd/resolve/stub")
        async with watching(tmp_path / "resolv.conf") as told:
            for directory in reversed(path.parents[: len(path.parts) - len(tmp_path.parts) - 1]):
                directory.mkdir()
                await told.once_more()
            path.write_text("here")
            await told.once_more()
            for gone in (path, path.parent):
                gone.unlink() if gone.is_file() else gone.rmdir()
            await told.once_more()
            path.parent.mkdir()
            path.write_text("here again")
            await told.once_more()
            path.write_text("and rewritten")
            await told.once_more()

    run_virtually(scenario())


def test_a_directory_that_is_renamed_away(tmp_path: Path) -> None:
    async def scenario() -> None:
        directory = tmp_path / "conf"
        directory.mkdir()
        (directory / "hosts").write_text("old")
        async with watching(directory / "hosts") as told:
            directory.rename(tmp_path / "gone")
            await told.once_more()
            directory.mkdir()
            await told.once_more()
            (directory / "hosts").write_text("new")
            await told.once_more()

    run_virtually(scenario())


def test_the_files_of_a_directory(tmp_path: Path) -> None:
    async def scenario() -> None:
        directory = tmp_path / "names.d"
        async with watching(directory) as told:
            directory.mkdir()
            await told.once_more()
            (directory / "one.txt").write_text("www.example.com\n")
            await told.once_more()
            (directory / "one.txt").write_text("www.example.org\n")
            await told.once_more()
            (directory / "one.txt").unlink()
            await told.once_more()

    run_virtually(scenario())


def test_a_loop_of_links_leads_nowhere_until_it_is_mended(tmp_path: Path) -> None:
    async def scenario() -> None:
        (tmp_path / "one").symlink_to("two")
        (tmp_path / "two").symlink_to("one")
        async with watching(tmp_path / "one") as told:
            (tmp_path / "two").unlink()
            (tmp_path / "two").write_text("mended")
            await told.once_more()

    run_virtually(scenario())


def test_a_bind_mount_is_written_by_its_other_path(tmp_path: Path) -> None:
    """As a container's resolv.conf is: the runtime writes to the file that it mounted there."""

    async def scenario() -> None:
        outside, inside = tmp_path / "outside", tmp_path / "resolv.conf"
        outside.write_text("old")
        inside.touch()
        subprocess.run(["mount", "--bind", outside, inside], check=True)
        try:
            async with watching(inside) as told:
                with outside.open("r+b") as file:
                    file.write(b"new")
                await told.once_more()
        finally:
            subprocess.run(["umount", inside], check=True)

    run_virtually(scenario())


def test_a_mount_on_top_makes_no_event_and_is_seen_by_the_poll(tmp_path: Path) -> None:
    async def scenario() -> None:
        over, path = tmp_path / "over", tmp_path / "hosts"
        over.write_text("new")
        path.write_text("old")
        async with watching(path, poll_every=SOON) as told:
            await asyncio.sleep(2 * SOON)
            assert told.times == []
            subprocess.run(["mount", "--bind", over, path], check=True)
            try:
                await told.once_more()
                rewrite_in_place(over)  # by now it is what is watched
                await told.once_more()
            finally:
                subprocess.run(["umount", path], check=True)

    run_virtually(scenario())


def test_a_file_written_in_steps_is_reported_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "hosts"
        async with watching(path) as told:
            for _ in range(10):
                with path.open("a") as file:
                    file.write("192.0.2.1 www.example.com\n")
                await asyncio.sleep(QUIET / 10)
            await told.once_more()
            await told.not_again()
            assert len(told.times) == 1

    run_virtually(scenario())


def test_a_file_that_keeps_changing_is_reported_all_the_same(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "hosts"
        async with watching(path) as told:
            loop = asyncio.get_running_loop()
            began = loop.time()
            while not told.times:
                path.write_text(str(loop.time()))
                await asyncio.sleep(0.05)
            assert told.times[0] - began == pytest.approx(MAX_DELAY, abs=0.1)

    run_virtually(scenario())


def test_after_an_overflow_everything_may_have_changed(tmp_path: Path) -> None:
    """The names that matter went down with the queue: 16384 events (fs.inotify.max_queued_events)."""

    async def scenario() -> None:
        path, noise = tmp_path / "hosts", tmp_path / "noise"
        path.write_text("old")
        most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
        async with watching(path) as told:
            for _ in range(most // 3 + 1):  # created, closed, deleted; and the loop has no turn
                noise.touch()
                noise.unlink()
            await told.once_more()
            assert path.read_text() == "old"

    run_virtually(scenario(), 30)


def test_without_descriptors_the_poll_does_it_all(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        path = tmp_path / "hosts"
        path.write_text("old")
        _, hard = limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
        try:
            async with watching(path, poll_every=SOON) as told:
                for content in ("new", "newer"):
                    await asyncio.sleep(3 * SOON)
                    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
                    path.write_text(content)
                    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
                    await told.once_more()
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
                await asyncio.sleep(3 * SOON)  # and now there are events again
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    run_virtually(scenario())
    assert caplog.messages == ["inotify: Too many open files; polling every 0.03 s instead, continuing"]


_LIMITED = """
import asyncio, logging, sys
from pathlib import Path
from lowatch.files.watch import FileWatch
logging.basicConfig(format="%(message)s", stream=sys.stdout)
Path("/proc/sys/user", sys.argv[1]).write_text("0")
path = Path(sys.argv[2])
async def main():
    told = asyncio.Event()
    told.files_changed = told.set
    watch = FileWatch([path], 0.03)
    watch.open(told)
    await asyncio.sleep(0.1)
    path.write_text("new")
    async with asyncio.timeout(5):
        await told.wait()
    print("told")
    watch.close()
asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("max_inotify_instances", "Too many open files"),
        ("max_inotify_watches", "No space left on device"),
    ],
)
def test_where_the_kernels_limits_are_met_the_poll_does_it_all(
    tmp_path: Path, limit: str, said: str
) -> None:
    path = tmp_path / "hosts"
    path.write_text("old")
    inside = ["unshare", "--user", "--map-root-user", "--", sys.executable, "-c", _LIMITED]
    done = subprocess.run(
        [*inside, limit, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.stderr == ""
    assert done.stdout == f"inotify: {said}; polling every 0.03 s instead, continuing\ntold\n"


def test_paths_may_be_replaced(tmp_path: Path) -> None:
    async def scenario() -> None:
        told = Told()
        watch = FileWatch([tmp_path / "one"], NEVER)
        watch.open(told)
        try:
            watch.replace_paths([tmp_path / "two"])
            (tmp_path / "one").write_text("not any more")
            await told.not_again()
            (tmp_path / "two").write_text("new")
            await told.once_more()
        finally:
            watch.close()
        (tmp_path / "two").write_text("closed")
        await told.not_again()

    run_virtually(scenario())
