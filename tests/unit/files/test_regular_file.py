"""Only regular files, bounded, and nothing that makes its reader wait."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from lowatch.core.limits.limit import Limit
from lowatch.files.regular_file import RefusedFileError, open_regular, read_pipe, read_regular


@pytest.fixture
def limit() -> Limit:
    return Limit("carts", 1000, "bytes of a cart", "it is refused", "a test")


def refusal(path: Path, limit: Limit) -> str | None:
    with pytest.raises(OSError, match=r".") as refused:
        read_regular(path, limit)
    return refused.value.strerror


def fifo(path: Path) -> None:
    os.mkfifo(path)


def bound_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # sun_path is short
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2 << 30)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (Path.mkdir, "a directory, not a regular file"),
        (fifo, "a FIFO, not a regular file"),
        (bound_socket, "a socket, not a regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "a device, not a regular file"),
        (lambda path: path.symlink_to("/dev/tty"), "a device, not a regular file"),
        (lambda path: path.symlink_to("nowhere"), "No such file or directory"),
        (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
        (lambda path: path.write_bytes(bytes(1001)), "larger than 1000 bytes"),
        (sparse, "larger than 1000 bytes"),
    ],
)
def test_what_is_refused(tmp_path: Path, limit: Limit, make: Callable[[Path], None], reason: str) -> None:
    path = tmp_path / "file"
    make(path)
    assert refusal(path, limit) == reason
    assert limit.times == reason.startswith("larger")


def test_a_file_at_its_limit(tmp_path: Path, limit: Limit) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1000)
    assert read_regular(path, limit) == b"x" * 1000
    with open_regular(path, limit) as stream:
        assert stream.read() == b"x" * 1000
    assert limit.times == 0


def test_a_size_that_is_not_the_truth(limit: Limit) -> None:
    """As of all in /proc."""
    assert refusal(Path("/proc/self/status"), limit) == "larger than 1000 bytes"
    assert read_regular(Path("/proc/self/comm"), limit)


def test_one_that_became_a_fifo(tmp_path: Path, limit: Limit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at it and its opening, which no test can time."""
    path = tmp_path / "file"
    path.write_text("")
    regular = path.stat()
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(Path, "stat", lambda _: regular)
    assert refusal(path, limit) == "a FIFO, not a regular file"


def test_a_path_that_cannot_be(limit: Limit) -> None:
    assert refusal(Path("a\0b"), limit) == "embedded null byte"


class TestPipe:
    def test_its_writer_is_waited_for(self, tmp_path: Path, limit: Limit) -> None:
        path = tmp_path / "pipe"
        os.mkfifo(path)
        writer = threading.Thread(target=path.write_bytes, args=[b"x" * 900])
        writer.start()
        assert read_pipe(path, limit, 60.0) == b"x" * 900
        writer.join()

    def test_one_that_nobody_writes_to(self, tmp_path: Path, limit: Limit) -> None:
        path = tmp_path / "pipe"
        os.mkfifo(path)
        with pytest.raises(RefusedFileError, match=r"a pipe that nobody wrote to for 0\.05 s"):
            read_pipe(path, limit, 0.05)

    def test_one_without_end(self, limit: Limit) -> None:
        with pytest.raises(RefusedFileError, match="larger than 1000 bytes"):
            read_pipe(Path("/dev/zero"), limit, 60.0)
