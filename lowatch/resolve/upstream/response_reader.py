"""Parses responses with dns_lean, or else with dnspython, which also verifies dns_lean.

About one result of dns_lean in CHECKED_ONE_IN is parsed again with dnspython. Once the two differ,
dns_lean is no longer used: a wrong answer is worse than a slow one.
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

from .dnspython import without_optional_packages

CHECKED_ONE_IN = 1000
_CHECKED_SHARE = 1 / CHECKED_ONE_IN

READING = 0.01
"""Seconds of reading messages, after which the loop runs its other callbacks: most messages take 5 us,
some 10 ms."""


_SHOWN_OCTETS = 1232  # longer ones come over TCP, or from a server that ignores our payload size

_log = logging.getLogger(__name__)


class MismatchObserver(Protocol):
    def on_mismatch(self) -> None:
        """The lean parser and dnspython gave different results. Called at most once."""


class ResponseReader:
    """draw: returns a number from [0, 1), which decides whether a result is checked."""

    def __init__(self, observer: MismatchObserver, draw: Callable[[], float] = random.random) -> None:
        self._observer = observer
        self._draw = draw
        self._lean = True
        self._check_next = False
        self._denials: dict[bytes, Reply] = {}

    def renewed_ttl(self, message: bytes, question: bytes, known: bytes) -> int | None:
        """The TTL of a response that only confirms what is `known`; None if read() has to parse it.

        known: an A record, or DENIED. Checks that the message is a response to this question.
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
        """The Reply in a response, which the caller has checked with `repeats_question`. Never raises."""
        limit = exceeded(message)
        lean = self.read_lean(message, question) if self._lean and limit is None else None
        if lean is not None and not self._check_next and self._draw() >= _CHECKED_SHARE:
            return lean
        self._check_next = False
        if limit is not None:
            limit.reached()
            return parse_large(message, question)
        try:
            # This costs megabytes and tens of milliseconds, and only unusual messages need it.
            with without_optional_packages():
                from lowatch.wire.dns_full import parse_full  # noqa: PLC0415
        except ImportError as error:  # for example while a package is being upgraded
            return lean or failure("MALFORMED", f"cannot be read without dnspython: {error}")
        full = parse_full(message)
        if lean not in (None, full):
            self._give_up(message)
        return full

    def read_lean(self, message: bytes, question: bytes) -> Reply | None:
        """Like parse_lean, but reuses denials: most names have no AAAA; a zone denies them all alike."""
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


def exceeded(message: bytes) -> Limit | None:
    """The limit beyond which dnspython takes too long (40 us per record, 6 us per option), or None."""
    if count_records(message) > DNS_FULL_RECORDS.value:
        return DNS_FULL_RECORDS
    return DNS_FULL_BYTES if len(message) > DNS_FULL_BYTES.value else None
