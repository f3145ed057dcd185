"""How this host's files are read; tests/unit/resolve/system/test_name_service_files.py says which."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from lowatch.core.limits.files import RESOLVER_FILE_BYTES
from lowatch.core.limits.limit import Limit
from lowatch.resolve.system.file_system import HOST_FILE_SYSTEM


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Limit:
    """Of 20 bytes."""
    monkeypatch.setattr(RESOLVER_FILE_BYTES, "value", 20)
    return RESOLVER_FILE_BYTES


def test_a_small_file_is_read_whole(tmp_path: Path, limit: Limit) -> None:
    file = tmp_path / "resolv.conf"
    file.write_bytes(b"nameserver \xff\n")
    os.utime(file, ns=(0, 0))
    text, seen = HOST_FILE_SYSTEM.read_small(file, limit)
    assert text == "nameserver \ufffd\n"
    assert seen == HOST_FILE_SYSTEM.fingerprint(file)
    assert HOST_FILE_SYSTEM.size(file) == 13


def test_a_file_beyond_the_limit_is_refused_before_and_while_it_is_read(
    tmp_path: Path, limit: Limit
) -> None:
    file = tmp_path / "hosts"
    file.write_text("127.0.0.1 localhost\n" * 2)
    assert HOST_FILE_SYSTEM.refusal(file, limit) == f"{file} is larger than 20 bytes"
    with pytest.raises(OSError, match="larger"), HOST_FILE_SYSTEM.open_lines(file, limit) as lines:
        list(lines.lines)


def test_lines_come_one_by_one(tmp_path: Path, limit: Limit) -> None:
    file = tmp_path / "hosts"
    file.write_text("a\nb\nc")
    assert HOST_FILE_SYSTEM.refusal(file, limit) == ""
    with HOST_FILE_SYSTEM.open_lines(file, limit) as lines:
        assert list(lines.lines) == [b"a\n", b"b\n", b"c"]


def test_what_is_not_there_is_no_reason_to_wait(tmp_path: Path, limit: Limit) -> None:
    absent = tmp_path / "none"
    assert HOST_FILE_SYSTEM.refusal(absent, limit) == ""
    assert HOST_FILE_SYSTEM.size(absent) == 0
    with pytest.raises(FileNotFoundError):
        HOST_FILE_SYSTEM.read_small(absent, limit)


def test_a_fifo_would_be_waited_for(tmp_path: Path, limit: Limit) -> None:
    fifo = tmp_path / "hosts"
    os.mkfifo(fifo)
    assert HOST_FILE_SYSTEM.refusal(fifo, limit) == f"{fifo} is not a regular file"


def test_only_a_socket_with_a_listener_is_listening(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    assert not HOST_FILE_SYSTEM.is_listening(path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(0)
        assert HOST_FILE_SYSTEM.is_listening(path)
    assert path.exists()
    assert not HOST_FILE_SYSTEM.is_listening(path)
