"""A configuration whose domains come from the files below names.d."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lowatch.config.settings import Config
from tests.unit.config.domains_from.file_sd_reading import Read, read_yaml


@pytest.fixture
def main(tmp_path: Path) -> Path:
    (tmp_path / "names.d").mkdir()
    path = tmp_path / "lowatch.toml"
    path.write_text('[[domains_from]]\npath = "names.d/*"\n')
    return path


def put(main: Path, name: str, content: str | bytes) -> Path:
    path = main.parent / "names.d" / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def told(config: Config) -> list[str]:
    return [str(problem) for problem in config.problems]


@pytest.fixture(params=["libyaml", "Python"])
def a_yaml(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Read:
    """With PyYAML as Debian and PyPI have it, and as it is where libyaml was missing."""
    if request.param == "Python":
        monkeypatch.delattr(yaml, "CSafeLoader")
    return read_yaml
