"""Faults that can be put into the daemon itself. The simulation must find each, which shows that it can."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from lowatch.app.auditor_hints import AuditorHints
from lowatch.core.judgement import Judgement
from lowatch.service.intents import Intents

Plant = Callable[[], Any]


@contextmanager
def _patched(owner: type, name: str, value: object) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def lost_mark() -> Any:
    """After a deleted address, its domains are checked only by the next sweep."""
    real = AuditorHints.prefix_touched

    def prefix_touched(self: AuditorHints, prefix: Any) -> None:
        if prefix is not None:
            real(self, prefix)

    return _patched(AuditorHints, "prefix_touched", prefix_touched)


def unknown_clears() -> Any:
    """A finding that cannot be judged ends."""
    return _patched(Judgement, "is_undecided", lambda self, subject: False)


def unsaved_alert() -> Any:
    """An alert is not written down before it is sent."""
    return _patched(Intents, "append", lambda self, lines, generation: None)


PLANTS: dict[str, Plant] = {
    "a lost mark": lost_mark,
    "an Unknown that clears": unknown_clears,
    "an alert not saved before a kill": unsaved_alert,
}
