"""Where the configuration file of a test is."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def main(tmp_path: Path) -> Path:
    return tmp_path / "lowatch.toml"
