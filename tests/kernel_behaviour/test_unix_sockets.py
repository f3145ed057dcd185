"""What the control socket's modes rely on: unix(7) says little of it."""

from __future__ import annotations

import os
import socket
import stat
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(params=[0o000, 0o027, 0o077, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_bind_gives_the_file_the_mode_that_fchmod_gave_the_socket(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        os.fchmod(listener.fileno(), 0o660)
        listener.bind(str(path))
        assert stat.S_IMODE(path.stat().st_mode) == 0o660 & ~umask


def test_nobody_connects_before_listen(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as peer:
        listener.bind(str(path))
        with pytest.raises(ConnectionRefusedError):
            peer.connect(str(path))
        listener.listen()
        peer.connect(str(path))


def test_connect_waits_for_a_place_in_the_backlog_as_long_as_so_sndtimeo(tmp_path: Path) -> None:
    """A timeout of Python's own makes the socket non-blocking, and connect() fail at once."""
    path = tmp_path / "socket"
    with (
        socket.socket(socket.AF_UNIX) as listener,
        socket.socket(socket.AF_UNIX) as first,
        socket.socket(socket.AF_UNIX) as second,
    ):
        listener.bind(str(path))
        listener.listen(0)
        first.connect(str(path))
        began = time.monotonic()
        second.settimeout(10)
        with pytest.raises(BlockingIOError):
            second.connect(str(path))
        assert time.monotonic() - began < 5
        second.settimeout(None)
        second.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 0, 100_000))
        began = time.monotonic()
        with pytest.raises(BlockingIOError):
            second.connect(str(path))
        assert 0.09 < time.monotonic() - began < 5
