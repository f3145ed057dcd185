"""The files of name resolution are read again when they change, or when other names are followed."""

from __future__ import annotations

import asyncio
from collections.abc import Container
from pathlib import Path

from lowatch.core.addresses import parse_address
from lowatch.resolve.system.name_service_files import NameFiles, NameFilesSource, NamePaths
from lowatch.resolve.views.files_follower import NameFilesFollower
from tests.support.aio import run_async


class Listener:
    def __init__(self) -> None:
        self.names: list[str] = ["a.test"]
        self.read: list[NameFiles] = []
        self._event = asyncio.Event()

    def looked_up(self) -> Container[str]:
        return list(self.names)

    def on_files(self, before: NameFiles, files: NameFiles) -> None:
        self.read.append(files)
        self._event.set()

    async def next(self) -> NameFiles:
        self._event.clear()
        async with asyncio.timeout(10):
            await self._event.wait()
        return self.read[-1]


def test_it_reads_them_when_they_change_and_when_names_do(tmp_path: Path) -> None:
    paths = NamePaths(*(tmp_path / name for name in NamePaths._fields))
    paths.hosts.write_text("192.0.2.1 a.test\n192.0.2.2 b.test\n")

    async def scenario() -> None:
        listener = Listener()
        follower = NameFilesFollower(NameFilesSource(paths), listener)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(follower.run())
            await follower.settled()
            assert dict(follower.files.hosts.addresses) == {"a.test": (parse_address("192.0.2.1"),)}
            listener.names.append("b.test")
            follower.reread(replaced=True)
            assert set((await listener.next()).hosts.addresses) == {"a.test", "b.test"}
            paths.hosts.write_text("192.0.2.3 a.test\n")
            follower.look()
            assert dict((await listener.next()).hosts.addresses) == {
                "a.test": (parse_address("192.0.2.3"),)
            }
            running.cancel()

    run_async(scenario())


def test_it_refuses_while_nsswitch_conf_names_no_service(tmp_path: Path) -> None:
    paths = NamePaths(*(tmp_path / name for name in NamePaths._fields))
    follower = NameFilesFollower(NameFilesSource(paths), Listener())
    assert follower.refusal() == ""
    paths.nsswitch.write_text("hosts:\n")
    assert "has no service" in follower.refusal()
