"""How long, in the largest unit of which there are two."""

from __future__ import annotations

import pytest

from lowatch.core.words import elapsed


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1.0, "a moment"),
        (1.9, "a moment"),
        (2.0, "2 seconds"),
        (119.9, "119 seconds"),
        (120.0, "2 minutes"),
        (7_199.0, "119 minutes"),
        (7_200.0, "2 hours"),
        (172_799.0, "47 hours"),
        (172_800.0, "2 days"),
        (8_640_000.0, "100 days"),
    ],
)
def test_elapsed(seconds: float, words: str) -> None:
    assert elapsed(seconds) == words
