"""Long texts in pieces, so that whoever sends one can do something else between two of them.

A piece takes a millisecond or two to make. An empty one is a pause: nothing is to be sent.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

T = TypeVar("T")

PAUSE = b""
SLICE = 500
"""Rows or lines."""


def slices(items: Iterable[T], size: int = SLICE) -> Iterator[list[T]]:
    """The same in lists of that size, the last one shorter."""
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some


def sort(items: Iterable[T], key: Callable[[T], Any] | None = None) -> Generator[bytes, None, Iterator[T]]:
    """Returns what sorted() would, which takes 0.2 s at once for 100,000."""
    runs = []
    for some in slices(items):
        runs.append(sorted(some, key=key))  # type: ignore[type-var, arg-type]
        yield PAUSE
    return heapq.merge(*runs, key=key)  # type: ignore[arg-type]
