"""A kept file: whole or not at all. test_state_file.py has what a full disk and a crash make of it."""

from __future__ import annotations

from pathlib import Path

from lowatch.core.limits.files import STATE_FILE_BYTES
from lowatch.service.kept_file import KeptFile


def test_the_same_content_is_not_written_twice(tmp_path: Path) -> None:
    path = tmp_path / "some.json"
    file = KeptFile(path)
    assert file.write(b"one")
    path.write_bytes(b"of somebody else")
    assert file.write(b"one")
    assert path.read_bytes() == b"of somebody else"
    assert file.write(b"two")
    assert path.read_bytes() == b"two"


def test_what_was_read_is_known(tmp_path: Path) -> None:
    path = tmp_path / "some.json"
    assert KeptFile(path).read(STATE_FILE_BYTES, bytes.decode) is None
    path.write_bytes(b"one")
    file = KeptFile(path)
    assert file.read(STATE_FILE_BYTES, bytes.decode) == "one"
    inode = path.stat().st_ino
    assert file.write(b"one")
    assert path.stat().st_ino == inode
