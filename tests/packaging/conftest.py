"""The Debian package, for the tests that look into it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.package import built_deb


@pytest.fixture(scope="session")
def deb() -> Path:
    return built_deb()


@pytest.fixture(scope="session")
def unpacked(deb: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its files, as they would be installed; its control files are in DEBIAN."""
    directory = tmp_path_factory.mktemp("unpacked")
    subprocess.run(["dpkg-deb", "--raw-extract", deb, directory], check=True)
    return directory
