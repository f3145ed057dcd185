"""lowatch.files.inotify: decoding, overflow, hardening, and what it leaves behind (nothing)."""

from __future__ import annotations

import asyncio
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from lowatch.files import inotify
from lowatch.files.inotify import Event, Inotify, parse_events
from tests.support.aio import run_async
from tests.support.repository import ROOT


def event(watch: int, mask: int, name: bytes = b"") -> bytes:
    return struct.pack("iIII", watch, mask, 0, len(name)) + name


def test_events_are_decoded_with_padded_names() -> None:
    data = event(1, inotify.IN_CREATE, b"hosts\0\0\0") + event(2, inotify.IN_MODIFY)
    data += event(-1, inotify.IN_Q_OVERFLOW)
    assert parse_events(data) == [
        Event(1, inotify.IN_CREATE, b"hosts"),
        Event(2, inotify.IN_MODIFY, b""),
        Event(-1, inotify.IN_Q_OVERFLOW, b""),
    ]
    assert parse_events(b"") == []


class Heard(asyncio.Queue[list[Event]]):
    def on_events(self, events: list[Event]) -> None:
        self.put_nowait(events)


def test_it_hears_of_a_watched_directory(tmp_path: Path) -> None:
    async def scenario() -> None:
        heard = Heard()
        watcher = Inotify(heard)
        try:
            watch = watcher.watch(tmp_path, inotify.IN_CREATE | inotify.IN_CLOSE_WRITE)
            assert watcher.watch(tmp_path / ".", inotify.IN_CREATE) == watch  # one inode, one watch
            (tmp_path / "hosts").touch()
            assert (await heard.get())[0] == Event(watch, inotify.IN_CREATE, b"hosts")
            watcher.unwatch(watch)
            assert (await heard.get())[-1].mask == inotify.IN_IGNORED
            with pytest.raises(OSError, match="Invalid argument"):
                watcher.unwatch(watch)
            with pytest.raises(FileNotFoundError):
                watcher.watch(tmp_path / "absent", inotify.IN_CREATE)
        finally:
            watcher.close()
            watcher.close()

    run_async(scenario())


_HARDENED = """
import ctypes, mmap, os, sys
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1  # <linux/prctl.h>, Linux 6.3
libc = ctypes.CDLL(None)
if len(sys.argv) == 1:
    assert libc.prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) == 0
    os.execv(sys.executable, [sys.executable, "-c", os.environ["PROGRAM"], "again"])
try:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
except PermissionError:
    print("hardened")
import asyncio
from pathlib import Path
from lowatch.files.inotify import IN_CREATE, Inotify
class Nobody:
    def on_events(self, events):
        print(events)
async def main():
    watcher = Inotify(Nobody())
    print(watcher.watch(Path("/"), IN_CREATE))
    watcher.close()
asyncio.run(main())
"""


def test_it_works_where_memory_is_never_writable_and_executable() -> None:
    """systemd's MemoryDenyWriteExecute=yes: `import ctypes` makes a callback, which once needed that."""
    done = subprocess.run(
        [sys.executable, "-c", _HARDENED],
        env={"PROGRAM": _HARDENED},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (done.stdout, done.stderr) == ("hardened\n1\n", "")
