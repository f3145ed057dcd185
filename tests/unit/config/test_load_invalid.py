"""Every file in tests/config/invalid has one mistake, named by its name, and says what is told of it.

The lines that begin with "#: " are the expected error lines, without the file's name. One that ends
in "..." leaves the rest to tomllib, whose words differ between versions of Python.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lowatch.config.errors import ConfigErrors
from lowatch.config.load import load
from tests.support.repository import ROOT

INVALID = ROOT / "tests" / "config" / "invalid"
FILES = sorted(INVALID.glob("*.toml"))


def test_there_are_files() -> None:
    assert len(FILES) > 100


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_invalid(path: Path) -> None:
    expected = [line[3:] for line in path.read_text().splitlines() if line.startswith("#: ")]
    assert expected, "the file does not say what is wrong with it"
    with pytest.raises(ConfigErrors) as caught:
        load(path)
    told = [str(error) for error in caught.value.errors]
    assert [_as_expected(line, path, want) for line, want in zip(told, expected, strict=False)] == expected
    assert len(told) == len(expected), told
    for line in told:
        assert line.isprintable(), "one line, and nothing a terminal would obey"


def _as_expected(line: str, path: Path, want: str) -> str:
    """The line as the file would have to put it."""
    rest = line.removeprefix(f"{path}:").removeprefix(" ")
    if want.endswith("...") and rest.startswith(want[:-3]):
        return want
    return rest
