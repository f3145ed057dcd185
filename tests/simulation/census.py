"""Counts the entries of all containers of a daemon, so that no growth stays unseen."""

from __future__ import annotations

import asyncio
from array import array
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from .loop import VirtualLoop

_LEAVES = (str, bytes, int, float, type(None), array, type, VirtualLoop, asyncio.TimerHandle)


def census(roots: tuple[Any, ...]) -> int:
    """The number of entries in all containers that these objects refer to, without simulated parts."""
    seen: set[int] = set()
    waiting: list[Any] = list(roots)
    entries = 0
    while waiting:
        one = waiting.pop()
        if isinstance(one, _LEAVES) or id(one) in seen:
            continue
        seen.add(id(one))
        parts = list(_parts(one))
        if not hasattr(one, "__dict__"):
            entries += len(parts)
        waiting += parts
    return entries


def _parts(one: Any) -> Iterator[Any]:
    if isinstance(one, Mapping):
        for key, value in list(one.items()):
            yield key
            yield value
    elif isinstance(one, list | tuple | set | frozenset | deque):
        yield from list(one)
    elif type(one).__module__.startswith("lowatch."):
        yield from getattr(one, "__dict__", {}).values()
        for kind in type(one).__mro__:
            slots = kind.__dict__.get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if (value := getattr(one, name, None)) is not None:
                    yield value
