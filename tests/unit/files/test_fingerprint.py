"""A file's fingerprint differs when the file does."""

from __future__ import annotations

import os
from pathlib import Path

from lowatch.files.fingerprint import UNREAD, fingerprint, fingerprint_read

OLD = 1_000_000_000_000_000_000


def written(path: Path, text: str) -> Path:
    """As long ago as makes its time trustworthy."""
    path.write_text(text)
    os.utime(path, ns=(OLD, OLD))
    return path


def test_it_differs_when_the_file_does(tmp_path: Path) -> None:
    file = written(tmp_path / "hosts", "one")
    before = fingerprint(file)
    assert fingerprint(file) == before
    written(file, "another")
    assert fingerprint(file) != before


def test_another_file_of_the_same_content_is_another(tmp_path: Path) -> None:
    file, other = written(tmp_path / "a", "one"), written(tmp_path / "b", "one")
    before = fingerprint(file)
    other.replace(file)
    assert fingerprint(file) != before


def test_symbolic_links_are_followed_and_what_is_not_there_has_one_value(tmp_path: Path) -> None:
    file = written(tmp_path / "hosts", "one")
    link = tmp_path / "link"
    link.symlink_to(file)
    assert fingerprint(link) == fingerprint(file)
    absent = fingerprint(tmp_path / "none")
    file.unlink()
    assert fingerprint(link) == absent


def test_a_file_written_just_now_is_looked_at_again(tmp_path: Path) -> None:
    """The next write might have the same time."""
    file = written(tmp_path / "hosts", "one")
    with file.open("rb") as stream:
        assert fingerprint_read(stream) == fingerprint(file)
    os.utime(file)
    with file.open("rb") as stream:
        assert fingerprint_read(stream) == UNREAD
