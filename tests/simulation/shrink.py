"""Shortens a failing script: leaves out events while it fails in the same way (ddmin, Zeller 1999)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .script import Event


def shrunk(
    events: Sequence[Event], fails: Callable[[Sequence[Event]], bool], most: int = 300
) -> list[Event]:
    """fails: whether a world of these events fails in the same way. most: how many worlds to try."""
    left, parts = list(events), 2
    while len(left) > 1 and most > 0:
        size = -(-len(left) // parts)
        for start in range(0, len(left), size):
            fewer = left[:start] + left[start + size :]
            most -= 1
            if fails(fewer):
                left, parts = fewer, max(2, parts - 1)
                break
            if most <= 0:
                break
        else:
            if size == 1:
                break
            parts = min(len(left), 2 * parts)
    return left
