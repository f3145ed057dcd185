"""Long texts rendered in pieces, so that the event loop can run between two of them.

A piece takes a millisecond or two. An empty piece is a pause with nothing to send.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

T = TypeVar("T")

PAUSE = b""
SLICE = 500
"""Rows or lines per piece."""


def slices(items: Iterable[T], size: int = SLICE) -> Iterator[list[T]]:
    """The items in lists of `size`; the last list may be shorter."""
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some


def sort(items: Iterable[T], key: Callable[[T], Any] | None = None) -> Generator[bytes, None, Iterator[T]]:
    """Sorts in steps: sorted() alone takes 0.2 s for 100,000 items.

    Yields pauses, returns the sorted items.
    """
    runs = []
    for some in slices(items):
        runs.append(sorted(some, key=key))  # type: ignore[type-var, arg-type]
        yield PAUSE
    return heapq.merge(*runs, key=key)  # type: ignore[arg-type]
