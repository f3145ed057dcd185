"""Long texts in pieces."""

from __future__ import annotations

import random
from collections.abc import Iterator

from lowatch.report.pieces import PAUSE, SLICE, slices, sort


def test_slices_are_of_one_size_and_the_last_is_shorter() -> None:
    assert list(slices(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(slices([])) == []


def test_sorting_pauses_and_returns_what_sorted_would() -> None:
    items = list(range(SLICE * 3 + 7))
    random.shuffle(items)
    returned = []

    def steps() -> Iterator[bytes]:
        returned.extend((yield from sort(items, key=lambda number: -number)))

    assert list(steps()) == [PAUSE] * 4
    assert returned == sorted(items, reverse=True)
