"""Two contexts never overlap."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lowatch.files.lock import locked


def test_one_after_the_other(tmp_path: Path) -> None:
    number = tmp_path / "number"
    number.write_text("0")

    def count(_: int) -> None:
        with locked(tmp_path, 30):
            number.write_text(str(int(number.read_text()) + 1))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(40)))
    assert number.read_text() == "40"


def test_it_waits_no_longer_than_it_is_told(tmp_path: Path) -> None:
    with locked(tmp_path, 0), pytest.raises(TimeoutError), locked(tmp_path, 0.05):
        pass
    with locked(tmp_path, 0):
        pass


def test_there_must_be_a_directory(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), locked(tmp_path / "none", 0):
        pass
