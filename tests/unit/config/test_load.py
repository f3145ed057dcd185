from __future__ import annotations

from pathlib import Path

import pytest

from lowatch.config.load import load


@pytest.fixture
def main(tmp_path: Path) -> Path:
    return tmp_path / "lowatch.toml"


def test_loading_leaves_the_files_as_they_are(main: Path) -> None:
    main.write_text('hold = "30s"')
    before = sorted((path, path.stat().st_mtime_ns) for path in main.parent.rglob("*"))
    load(main)
    assert sorted((path, path.stat().st_mtime_ns) for path in main.parent.rglob("*")) == before
