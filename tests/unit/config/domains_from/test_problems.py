"""What is wrong in files of names."""

from __future__ import annotations

from pathlib import Path

import pytest

from lowatch.config.load import load
from lowatch.core.limits.config import NAMES_FILES, NAMES_PROBLEMS
from tests.unit.config.domains_from.conftest import put, told


class TestProblems:
    def test_each_is_reported_with_its_file_and_line(self, main: Path) -> None:
        text = put(main, "a.txt", "a.example\nb..example\n\nc.example x\n")
        targets = put(main, "b.json", '[{"targets": ["d.example"]},\n{"targets": ["c d"]}]')
        config = load(main)
        assert list(config.policy.domains) == ["a.example", "d.example"]
        assert told(config) == [
            f"{text}:2: 'b..example' has an empty label (two dots in a row, or one in front)",
            f"{text}:4: 'x': the port must be a number from 1 to 65535",
            f"{targets}:2: [1].targets[0]: 'c d' contains white space",
        ]
        assert config.unread == ()

    def test_they_are_counted_beyond_the_first_hundred(self, main: Path) -> None:
        put(main, "a.txt", "a..example\n" * (NAMES_PROBLEMS.value - 1) + "a.example\n")
        other = put(main, "b.txt", "a..example\n" * 50_000 + "b.example\n")
        put(main, "c.txt", "a..example\n")
        config = load(main)
        assert list(config.policy.domains) == ["a.example", "b.example"]
        assert len(config.problems) == NAMES_PROBLEMS.value + 1
        assert told(config)[-1] == f"{other}: and so on: 50000 more problems from here"

    def test_they_are_short(self, main: Path) -> None:
        put(main, "a.json", '[{"targets": ["' + "a " * 100_000 + '"]}]')
        [problem] = told(load(main))
        assert len(problem) < 500

    def test_a_glob_that_matches_nothing(self, main: Path) -> None:
        config = load(main)
        assert told(config) == [
            f"{main}:2: domains_from[0].path: no file matches '{main.parent}/names.d/*'"
        ]
        assert config.unread == ()

    def test_a_glob_in_a_directory_that_is_not_there(self, main: Path) -> None:
        directory = main.parent / "names.d"
        directory.rmdir()
        config = load(main)
        [problem] = told(config)
        assert problem.endswith(f"/names.d/*': {directory}: No such file or directory")
        assert config.unread == (directory,)

    def test_a_path_that_is_not_there(self, main: Path) -> None:
        main.write_text('[[domains_from]]\npath = "names.txt"')
        config = load(main)
        path = main.parent / "names.txt"
        assert told(config) == [f"{path}: no such file"]
        assert config.unread == (path,)

    def test_more_files_than_anybody_means(self, main: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(NAMES_FILES, "value", 1)
        put(main, "a.txt", "a.example")
        put(main, "b.txt", "b.example")
        config = load(main)
        assert config.policy.domains == {}
        assert told(config)[0].endswith("/names.d/*' matches more than 1 files")
        assert config.unread == (main.parent / "names.d",)
