"""Who served an endpoint last, as long as nothing serves it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .words import rfc3339


class LastServed(NamedTuple):
    """The last listener of an endpoint that has none now, or none that is known.

    unit: its systemd unit, or None if that was unknown.
    until: wall-clock seconds, because it is shown and kept across a restart.
    ended: whether it was seen to end at `until`. If not, it was last seen then, and ended later: while
    lowatch did not run, or while the kernel did not answer.
    """

    unit: str | None
    until: float
    ended: bool = True

    def __str__(self) -> str:
        """For example: served by nginx.service until 2026-11-23T03:12:07Z."""
        served = f"served by {self.unit}" if self.unit else "served"
        at = rfc3339(self.until)
        return f"{served} until {at}" if self.ended else f"{served}, last seen at {at}"


def latest(some: Iterable[LastServed | None]) -> LastServed | None:
    """The one that served last; the first of several that ended together. None if none is known."""
    known = [one for one in some if one is not None]
    return max(known, key=lambda one: one.until, default=None)
