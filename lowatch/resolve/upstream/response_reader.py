"""Parses responses with dns_lean, or else with dnspython, which also verifies dns_lean.

About one lean result in CHECKED_ONE_IN is read again with dnspython. Where the two differ, nothing
is read leanly any more: a wrong answer is worse than a slow one.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import Protocol

from lowatch.core.limits.limit import Limit
from lowatch.core.limits.names import DNS_DENIALS_KEPT, DNS_FULL_BYTES, DNS_FULL_RECORDS
from lowatch.wire.dns import (
    DENIED,
    Reply,
    ReplyKind,
    failure,
    repeats_question,
)
from lowatch.wire.dns_lean import (
    count_records,
    denial_key,
    is_shareable,
    parse_large,
    parse_lean,
    renewed_ttl,
)

CHECKED_ONE_IN = 1000
_CHECKED_SHARE = 1 / CHECKED_ONE_IN

READING = 0.01
"""Seconds of reading messages after which the loop's others have their turn: most take 5 us, some 10 ms."""


_SHOWN_OCTETS = 1232  # more than that came by TCP, or by a server that disregards our payload size

_log = logging.getLogger(__name__)


class MismatchObserver(Protocol):
    def on_mismatch(self) -> None:
        """The lean parser and dnspython gave different results. Called at most once."""


class ResponseReader:
    """draw: a number from [0, 1), which decides what is checked."""

    def __init__(self, observer: MismatchObserver, draw: Callable[[], float] = random.random) -> None:
        self._observer = observer
        self._draw = draw
        self._lean = True
        self._check_next = False
        self._denials: dict[bytes, Reply] = {}

    def renewed_ttl(self, message: bytes, question: bytes, known: bytes) -> int | None:
        """The TTL of a response that says no more than what is `known`; None: read() it.

        known: an A record, or DENIED. Whether it is a response to this question is seen to.
        """
        if self._draw() < _CHECKED_SHARE or not self._lean:
            self._check_next = True
            return None
        if known is not DENIED:
            return renewed_ttl(message, question, known)
        if not repeats_question(message, question):
            return None
        denial = self._denials.get(denial_key(message, question.lower()) or b"")
        return denial.ttl if denial is not None and denial.kind is ReplyKind.NODATA else None

    def read(self, message: bytes, question: bytes) -> Reply:
        """What a response comes to of which `repeats_question` holds. Never raises."""
        limit = _exceeded(message)
        lean = self._read_lean(message, question) if self._lean and limit is None else None
        if lean is not None and not self._check_next and self._draw() >= _CHECKED_SHARE:
            return lean
        self._check_next = False
        if limit is not None:
            limit.reached()
            return parse_large(message, question)
        try:
            # Megabytes, and tens of milliseconds, that only the first unusual message costs.
            from lowatch.wire.dns_full import parse_full  # noqa: PLC0415
        except ImportError as error:  # as while a package is being upgraded
            return lean or failure("MALFORMED", f"cannot be read without dnspython: {error}")
        full = parse_full(message)
        if lean not in (None, full):
            self._give_up(message)
        return full

    def _read_lean(self, message: bytes, question: bytes) -> Reply | None:
        """As parse_lean. Of most names an AAAA is denied, by a zone in words that are always the same."""
        key = denial_key(message, question)
        if key is None:
            return parse_lean(message, question)
        known = self._denials.get(key)
        if known is not None:
            return known
        lean = parse_lean(message, question)
        if lean is not None and not lean.chain and is_shareable(message, question):
            if len(self._denials) >= DNS_DENIALS_KEPT.value:
                DNS_DENIALS_KEPT.reached()
                self._denials.clear()
            self._denials[key] = lean
        return lean

    def _give_up(self, message: bytes) -> None:
        self._lean = False
        self._observer.on_mismatch()
        shown = message[:_SHOWN_OCTETS].hex() + ("..." if len(message) > _SHOWN_OCTETS else "")
        _log.warning(
            "the lean DNS parser differs from dnspython, continuing without it; message: %s", shown
        )


def _exceeded(message: bytes) -> Limit | None:
    """The limit beyond which dnspython would take too long: 40 us for a record, 6 for an option."""
    if count_records(message) > DNS_FULL_RECORDS.value:
        return DNS_FULL_RECORDS
    return DNS_FULL_BYTES if len(message) > DNS_FULL_BYTES.value else None
