"""The versions of what is installed, as importlib.metadata tells them."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from lowatch.wiring.versions import installed


@pytest.mark.parametrize("package", ["dnspython", "h11", "sortedcontainers"])
def test_it_agrees_with_importlib(package: str) -> None:
    assert installed(package) == version(package)


def test_the_first_on_the_path_counts(tmp_path: Path) -> None:
    for folder, number in (("new", "2.9.2"), ("old", "2.3.0")):
        (tmp_path / folder / f"some-{number}.dist-info").mkdir(parents=True)
    folders = [str(tmp_path / name) for name in ("absent", "new", "old")]
    assert installed("some", folders) == "2.9.2"
    assert installed("other", folders) == ""
