"""What opening, waiting and being killed rely on: docs/internals/service.md."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.support.repository import ROOT


def run_python(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


def test_opening_a_fifo_waits_for_its_writer(fifo: Path) -> None:
    opened = threading.Event()

    def read() -> None:
        fifo.read_bytes()
        opened.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert not opened.wait(0.1)
    fifo.write_bytes(b"")
    reader.join(60)
    assert opened.is_set()


def test_a_fifo_without_a_writer_yet_says_nothing(fifo: Path) -> None:
    descriptor = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    ready = select.poll()
    ready.register(descriptor, select.POLLIN)
    assert ready.poll(0) == []
    fifo.write_bytes(b"")  # it comes and goes
    assert ready.poll(0) == [(descriptor, select.POLLHUP)]
    os.close(descriptor)


def test_a_full_pipe_makes_its_writer_wait() -> None:
    reading, writing = os.pipe()
    filled = os.write(writing, bytes(65536))
    taken = threading.Event()

    def write() -> None:
        os.write(writing, b"more")
        taken.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert not taken.wait(0.1)
    os.read(reading, filled)
    writer.join(60)
    assert taken.is_set()
    os.close(reading)
    os.close(writing)


def test_o_nonblock_is_everybodys() -> None:
    reading, writing = os.pipe()
    other = os.dup(writing)
    os.set_blocking(writing, False)
    assert not os.get_blocking(other)
    for descriptor in (reading, writing, other):
        os.close(descriptor)


def test_what_was_written_outlives_sigkill(tmp_path: Path) -> None:
    program = """
import os, signal, sys
os.write(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT), b"said")
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert run_python(program, str(tmp_path / "file")).returncode == -9
    assert (tmp_path / "file").read_text() == "said"


def test_a_directory_tells_of_its_files_but_not_of_another_path_to_them(tmp_path: Path) -> None:
    program = """
import asyncio, sys
from pathlib import Path
from lowatch.files.inotify import IN_MODIFY, Inotify
class Heard(list):
    on_events = list.extend
async def main():
    heard = Heard()
    inotify = Inotify(heard)
    inotify.watch(Path(sys.argv[1]), IN_MODIFY)
    for path in sys.argv[2:]:
        Path(path).write_text("written")
        await asyncio.sleep(0.1)
    print(sorted({event.name.decode() for event in heard}))
    inotify.close()
asyncio.run(main())
"""
    directory = tmp_path / "names.d"
    directory.mkdir()
    for name in ("a", "b"):
        (directory / name).write_text("old")
    (tmp_path / "link").hardlink_to(directory / "b")
    done = run_python(program, str(directory), str(directory / "a"), str(tmp_path / "link"))
    assert done.stdout == "['a']\n"
