"""Where a path can change."""

from __future__ import annotations

from pathlib import Path

from lowatch.files.places import places_of, places_of_many


def test_a_file_changes_in_its_directory_and_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.touch()
    places = places_of([file])
    assert places.directories == {tmp_path: frozenset({b"hosts"})}
    assert places.files == {file}


def test_what_is_not_there_would_appear_in_the_directory_that_is(tmp_path: Path) -> None:
    places = places_of([tmp_path / "none" / "hosts"])
    assert places.directories == {tmp_path: frozenset({b"none"})}
    assert places.files == frozenset()


def test_a_directory_matters_whole(tmp_path: Path) -> None:
    places = places_of([tmp_path])
    assert places.directories[tmp_path] is None


def test_each_symbolic_link_on_the_way_is_a_place(tmp_path: Path) -> None:
    """As Kubernetes has it: file -> ..data/file, ..data -> a directory that is replaced."""
    real = tmp_path / "v1"
    real.mkdir()
    (real / "names").touch()
    (tmp_path / "..data").symlink_to("v1")
    (tmp_path / "names").symlink_to("..data/names")
    places = places_of([tmp_path / "names"])
    assert places.directories == {
        tmp_path: frozenset({b"names", b"..data"}),
        real: frozenset({b"names"}),
    }
    assert places.files == {real / "names"}


def test_a_link_to_itself_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert places_of([tmp_path / "loop"]).files == frozenset()


def test_of_many_files_only_the_directories_are_watched(tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.txt" for number in range(3)]
    for file in files:
        file.touch()
    places = places_of_many(files)
    assert places.directories[tmp_path] == {b"0.txt", b"1.txt", b"2.txt"}
    assert places.files == frozenset()
