"""Fixtures: `etc`, which leaves no lookup behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.name_service import no_lookup_left
from tests.unit.resolve.views.etc import Etc


@pytest.fixture
def etc(tmp_path: Path) -> Iterator[Etc]:
    yield Etc(tmp_path)
    no_lookup_left()
