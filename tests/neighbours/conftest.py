"""The fixture `lab`."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.neighbours.lab import Lab
from tests.support.netns import Netns


@pytest.fixture
def lab(netns: Netns, tmp_path: Path) -> Iterator[Lab]:
    with ExitStack() as stack:
        yield Lab(netns, tmp_path, stack)
