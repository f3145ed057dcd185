"""Files, within bounds: large, odd, endless and hostile ones too."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lowatch.boot.source import Line, Source, TooMuchError
from lowatch.core.limits.boot import (
    BOOT_BYTES,
    BOOT_FILE_BYTES,
    BOOT_FILES,
    BOOT_LINE_BYTES,
    BOOT_NAMES,
    BOOT_UNREAD,
)
from lowatch.core.limits.limit import Limit
from tests.unit.boot.reading import written_to


def told(source: Source) -> list[str]:
    return [f"{one.file}:{one.line} {one.reason}" for one in source.unread]


def lower(monkeypatch: pytest.MonkeyPatch, limit: Limit, value: int) -> None:
    monkeypatch.setattr(limit, "value", value)


def test_lines(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one\r\ntwo\x0c\xe2\x80\xa8\n\xff")
    source = Source(tmp_path)
    assert source.lines("/a") == ["one", "two\x0c\u2028", "\ufffd"]
    assert source.lines("/a") == [""]  # once only
    source.next_program()
    assert len(source.lines("/a")) == 3
    assert (source.lines("/none"), source.lines("/a/b"), told(source)) == ([""], [""], [])
    assert source.files == 2


def test_logical_lines(tmp_path: Path) -> None:
    text = "# comment \\\n; another\n\n  a \\\n# b\\\n\n c\nd\\"
    source = written_to(tmp_path, {"/a": text})
    assert list(source.logical_lines("/a", "#;")) == [Line(4, "a # b"), Line(7, "c"), Line(8, "d")]


def test_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to("loop")
    source = Source(tmp_path)
    for name in ("directory", "fifo", "zero", "loop", "nul\0"):
        assert source.text(f"/{name}") is None
    assert told(source) == [
        "/directory:0 is a directory, not a regular file",
        "/fifo:0 is a FIFO, not a regular file",
        "/zero:0 is a device, not a regular file",
        "/loop:0 Too many levels of symbolic links",
        "/nul\0:0 embedded null byte",
    ]
    assert source.directory("/loop") == []
    assert source.directory("/zero/") == []


def test_a_link_that_leads_in_a_circle_of_directories(tmp_path: Path) -> None:
    source = written_to(tmp_path, {"/d/x": "x"})
    (tmp_path / "d/d").symlink_to(".")
    found = [source.text(path) for path in ("/d/x", "/d/d/x", "/d/d/d/x")]
    assert found == ["x", None, None]


def test_bounds_on_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lower(monkeypatch, BOOT_FILES, 2)
    lower(monkeypatch, BOOT_BYTES, 10)
    lower(monkeypatch, BOOT_FILE_BYTES, 8)
    source = written_to(tmp_path, {"/a": "12345", "/b": "123456", "/c": "1" * 9, "/d": "1", "/e": "1"})
    assert [source.text(path) for path in ("/a", "/b", "/c", "/d", "/e")] == [
        "12345",
        None,
        None,
        "1",
        None,
    ]
    assert told(source) == [
        "/b:0 is beyond the limit boot_bytes",
        "/c:0 is larger than 8 bytes",
        "/e:0 is beyond the limit boot_files",
    ]


def test_bounds_on_lines(tmp_path: Path) -> None:
    long = BOOT_LINE_BYTES.value
    source = written_to(
        tmp_path, {"/a": "x" * (long + 1) + "\n" + "y" * long + "\nz", "/b": "x\\\n" * long + "\ny"}
    )
    assert [len(line) for line in source.lines("/a")] == [0, long, 1]
    assert list(source.logical_lines("/b", "#")) == [Line(long + 2, "y")]
    assert told(source) == [f"/{name}:1 is beyond the limit boot_line_bytes" for name in "ab"]


def test_bounds_on_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lower(monkeypatch, BOOT_NAMES, 5)
    source = written_to(tmp_path, {f"/{place}/{name}": "" for place in "ab" for name in "123"})
    assert source.directory("/a") == ["1", "2", "3"]
    assert len(source.directory("/b")) == 2
    assert source.directory("/none") == []
    assert told(source) == ["/b:0 is beyond the limit boot_names"]


def test_nobody_reads_a_thousand_reasons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lower(monkeypatch, BOOT_UNREAD, 2)
    source = Source(tmp_path)
    source.cannot_read("/a", "odd", 1)
    source.cannot_read("/a", "odd", 2)
    with pytest.raises(TooMuchError):
        source.cannot_read("/a", "odd", 3)
    assert len(source.unread) == 2


def test_patterns(tmp_path: Path) -> None:
    files = ("/etc/x/a.conf", "/etc/x/b.conf", "/etc/x/.c.conf", "/etc/x/d", "/etc/y/e.conf")
    source = written_to(tmp_path, dict.fromkeys(files, ""))
    assert source.matching("x/*.conf", "/etc/main", 1) == ["/etc/x/a.conf", "/etc/x/b.conf"]
    assert source.matching("/etc/?/[ae].conf", "/main", 1) == ["/etc/x/a.conf", "/etc/y/e.conf"]
    assert source.matching("/etc/x/.*", "/main", 1) == ["/etc/x/.c.conf"]
    assert source.matching("/none", "/main", 1) == ["/none"]
    assert source.matching("$(id)", "/main", 1) == []
    assert source.matching("a" * 2000, "/main", 2) == []
    assert [one.line for one in source.unread] == [1, 2]


def test_status(tmp_path: Path) -> None:
    source = written_to(tmp_path, {"/a": "text"})
    status = source.status("/a")
    assert status is not None
    assert status.st_size == 4
    assert [source.status(path) for path in ("/b", "/a/b", "/a\0")] == [None, None, None]


def test_masks(tmp_path: Path) -> None:
    source = written_to(tmp_path, {"/a": ""})
    (tmp_path / "b").symlink_to("/dev/null")
    (tmp_path / "c").symlink_to("c")
    assert [source.is_null(f"/{name}") for name in ("a", "b", "c", "d")] == [False, True, False, False]
