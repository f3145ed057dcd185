"""Waiting for what another process does: looking often, until a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_PAUSE = 0.01


def eventually(look: Callable[[], T], timeout: float = 10.0, about: Callable[[], str] = str) -> T:
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
