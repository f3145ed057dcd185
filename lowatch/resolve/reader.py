"""Reading responses: leanly where that will do, else with dnspython, which checks the lean parser too.

About one lean result in CHECKED_ONE_IN is read again with dnspython. Where the two differ, nothing
is read leanly any more: a wrong answer is worse than a slow one.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import Protocol

from lowatch.wire.dns import Reply, failure
from lowatch.wire.dns_lean import parse_lean

CHECKED_ONE_IN = 1000

_SHOWN_OCTETS = 1232  # more than that came by TCP, or by a server that disregards our payload size

_log = logging.getLogger(__name__)


class MismatchObserver(Protocol):
    def on_mismatch(self) -> None:
        """The lean parser and dnspython differed about a response. At most once."""


class Reader:
    """draw: a number from [0, 1), which decides what is checked."""

    def __init__(self, observer: MismatchObserver, draw: Callable[[], float] = random.random) -> None:
        self._observer = observer
        self._draw = draw
        self._lean = True

    def read(self, message: bytes, question: bytes) -> Reply:
        """What a response comes to of which `repeats_question` holds. Never raises."""
        lean = parse_lean(message, question) if self._lean else None
        if lean is not None and self._draw() * CHECKED_ONE_IN >= 1:
            return lean
        try:
            # Megabytes, and tens of milliseconds, that only the first unusual message costs.
            from lowatch.wire.dns_full import parse_full  # noqa: PLC0415
        except ImportError as error:  # as while a package is being upgraded
            return lean or failure("MALFORMED", f"cannot be read without dnspython: {error}")
        full = parse_full(message)
        if lean not in (None, full):
            self._give_up(message)
        return full

    def _give_up(self, message: bytes) -> None:
        self._lean = False
        self._observer.on_mismatch()
        shown = message[:_SHOWN_OCTETS].hex() + ("..." if len(message) > _SHOWN_OCTETS else "")
        _log.warning(
            "the lean DNS parser differs from dnspython, continuing without it; message: %s", shown
        )
