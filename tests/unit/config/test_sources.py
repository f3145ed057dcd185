"""Whether the files of names have changed, and where to watch for it: on a real file system."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lowatch.config.sources import Sources, all_matching, matching, states
from lowatch.core.limits.config import NAMES_FILES

OLD = 1_000_000_000 * 1_000_000_000  # nanoseconds: no two changes of a test seem to be simultaneous


@pytest.fixture
def place(tmp_path: Path) -> Path:
    directory = tmp_path / "names.d"
    directory.mkdir()
    for name in ("b.txt", "a.txt", ".hidden.txt", "c.json"):
        (directory / name).write_text("a.example\n")
        os.utime(directory / name, ns=(OLD, OLD))
    return directory


def sources(*patterns: Path | str) -> Sources:
    texts = tuple(map(str, patterns))
    return Sources(texts, states(all_matching(texts)))


class TestMatching:
    def test_a_glob_sorted_and_without_hidden_ones(self, place: Path) -> None:
        assert matching(f"{place}/*.txt") == [place / "a.txt", place / "b.txt"]

    def test_a_path_is_itself(self, place: Path) -> None:
        assert matching(f"{place}/none.txt") == [place / "none.txt"]

    def test_each_file_once(self, place: Path) -> None:
        found = sources(place / "c*", place / "*", place / "a.txt").files
        assert found == (place / "c.json", place / "a.txt", place / "b.txt")

    def test_no_end_of_files(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(NAMES_FILES, "value", 1)
        assert len(matching(f"{place}/*")) == 2

    def test_a_directory_that_cannot_be_listed(self, place: Path) -> None:
        assert matching(f"{place}/a.txt/*") == []


CHANGES: dict[str, Callable[[Path], object]] = {
    "appended to": lambda place: (place / "a.txt").write_text("a.example\nb.example\n"),
    "written over in place": lambda place: (place / "a.txt").write_text("b.example\n"),
    "replaced": lambda place: (place / "new").rename(place / "a.txt"),
    "removed": lambda place: (place / "a.txt").unlink(),
    "another one": lambda place: (place / "z.txt").write_text(""),
    "made readable": lambda place: (place / "a.txt").chmod(0o644),
    "led elsewhere": lambda place: (place / "other").replace(place / "..data"),
    "what is led to": lambda place: (place.parent / "v1" / "l.txt").write_text("b.example\n"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change(place: Path, change: str) -> None:
    """The symlinks are a Kubernetes ConfigMap's."""
    (place / "new").write_text("c.example\n")
    (place / "a.txt").chmod(0o600)
    for version in ("v1", "v2"):
        (place.parent / version).mkdir()
        (place.parent / version / "l.txt").write_text("a.example\n")
    (place / "..data").symlink_to("../v1")
    (place / "other").symlink_to("../v2")
    (place / "l.txt").symlink_to("..data/l.txt")
    seen = sources(place / "*.txt", place / "single")
    assert not seen.changed()
    (place / "unrelated.json").write_text("")
    assert not seen.changed()
    _wait_for_the_clock_of_the_file_system(place)
    CHANGES[change](place)
    assert seen.changed()


def _wait_for_the_clock_of_the_file_system(place: Path) -> None:
    """Its stamps move in steps of a few milliseconds; two writes within one look alike."""
    probe = place.parent / "clock"
    probe.touch()
    first = probe.stat().st_mtime_ns
    while probe.stat().st_mtime_ns == first:
        probe.touch()


def test_a_path_that_comes_and_goes(place: Path) -> None:
    absent = sources(place / "single")
    assert not absent.changed()
    (place / "single").write_text("")
    assert absent.changed()
    present = sources(place / "single")
    (place / "single").unlink()
    assert present.changed()


def test_none() -> None:
    assert not Sources()
    assert not Sources().changed()
    assert Sources().directories() == frozenset()


class TestDirectories:
    def test_those_of_files_and_globs(self, place: Path) -> None:
        other = place.parent / "other"
        other.mkdir()
        assert sources(place / "*.txt", other / "names.txt").directories() == {place}

    def test_all_that_a_glob_looks_into(self, place: Path) -> None:
        for name in ("one", "two"):
            (place / name).mkdir()
        (place / "one" / "a.txt").write_text("")
        found = sources(place / "*" / "*.txt").directories()
        assert {place, place / "one", place / "two"} <= found

    def test_the_nearest_of_what_is_missing(self, place: Path) -> None:
        assert sources(place / "not" / "there" / "*.txt").directories() == {place}
        assert (
            sources(place / "not" / "there.txt").directories() == frozenset()
        )  # no glob: it is watched itself

    def test_all_that_symlinks_lead_through(self, tmp_path: Path) -> None:
        """A new version may be put in place at any of them."""
        for name in ("real", "real/v1", "real/v1/names", "etc"):
            (tmp_path / name).mkdir()
        (tmp_path / "real/v1/names/l.txt").write_text("")
        (tmp_path / "real/current").symlink_to("v1")
        (tmp_path / "etc/names.d").symlink_to("../real/current/names")
        (tmp_path / "real/v1/names/m.txt").symlink_to("l.txt")
        expected = {tmp_path / name for name in ("etc", "real", "real/v1/names")}
        assert sources(tmp_path / "etc/names.d/*.txt").directories() == expected

    def test_a_symlink_to_itself(self, place: Path) -> None:
        (place / "loop.txt").symlink_to("loop.txt")
        assert sources(place / "loop.*").directories() == {place}
