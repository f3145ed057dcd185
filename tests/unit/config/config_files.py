"""A configuration file, its drop-ins, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lowatch.config.errors import ConfigErrors
from lowatch.config.load import load


def drop_in(main: Path, name: str, text: str) -> Path:
    directory = main.parent / "lowatch.d"
    directory.mkdir(exist_ok=True)
    path = directory / name
    path.write_text(text)
    return path


def told(path: Path | None) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        load(path)
    assert str(caught.value).splitlines() == [str(error) for error in caught.value.errors]
    return [str(error) for error in caught.value.errors]
