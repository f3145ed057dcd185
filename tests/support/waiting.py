"""Waiting for what another process does, and measuring how long something takes, on a busy machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_PAUSE = 0.01


def eventually(look: Callable[[], T], timeout: float = 30.0, about: Callable[[], str] = str) -> T:
    """What `look` returns as soon as that is true; AssertionError with `about()` after `timeout` seconds.

    An AssertionError that `look` raises counts as "not yet", and is shown in the end.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            found = look()
            seen = repr(found)
        except AssertionError as error:
            found, seen = None, str(error)
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s; last seen: {seen}\n{about()}")
        time.sleep(_PAUSE)


def quickest(measure: Callable[[], float], under: float, tries: int = 5) -> float:
    """The least of several measurements; the first that is under the bound is the last one made.

    A busy machine makes some of them longer, but what really takes too long takes it every time.
    """
    least = measure()
    while least >= under and (tries := tries - 1):
        least = min(least, measure())
    return least
