"""A nameserver's health: whether to ask it first, only if the others are silent too, or hardly at all.

    outcome of a query              from now on
    any reply                       it is asked as usual
    no reply in time, or refused    it is asked after the others for 5, 10, 20 ... 60 s; then a single
                                    query tests it
    three in a row unanswered       given up: a few queries at a time test it, all others fail at once

A timeout may be due to a lost datagram, or to a name whose own servers are dead. It counts only if the
server has replied to nothing since that query was sent. An ICMP refusal is certain and counts as three.
"""

from __future__ import annotations

import math

COOLDOWN = 5.0
COOLDOWN_LIMIT = 60.0
GIVE_UP_AFTER = 3
"""Queries in a row without a reply."""


class Health:
    """All times are monotonic seconds.

    unanswered: queries in a row without a reply. heard: when the server last replied to anything. reason:
    why the last query was unanswered, one line.
    """

    __slots__ = ("_rests", "heard", "reason", "shunned_until", "unanswered")

    def __init__(self) -> None:
        self._rests = 0
        self.unanswered = 0
        self.heard = 0.0
        self.shunned_until = 0.0
        self.reason = ""

    def note_reply(self) -> bool:
        """The server replied. Returns whether it had been given up before.

        Any reply counts: a SERVFAIL is about the name, not about the server.
        """
        if not self.unanswered:
            return False
        recovered = self.given_up
        self._rests = self.unanswered = 0
        self.shunned_until = 0.0
        return recovered

    def note_silence(
        self,
        now: float,
        reason: str = "it does not reply",
        *,
        sent: float = math.inf,
        refused: bool = False,
    ) -> None:
        """A query sent at `sent` had no reply in time. refused: by ICMP, or when connecting."""
        if not refused and sent < self.heard:
            return  # it has replied to others since: the fault is with this name, not the server
        self.reason = reason
        self.unanswered += GIVE_UP_AFTER if refused else 1
        if now < self.shunned_until and self._rests:
            return  # one of many that were in flight when it fell silent
        self.shunned_until = now + min(COOLDOWN * 2.0**self._rests, COOLDOWN_LIMIT)
        self._rests = min(self._rests + 1, 10)

    def admits(self, now: float) -> bool:
        """Whether it may be asked before others."""
        return now >= self.shunned_until

    @property
    def given_up(self) -> bool:
        return self.unanswered >= GIVE_UP_AFTER

    def note_asked(self, now: float, timeout: float) -> None:
        """A query is sent. After a cooldown it tests the server, which others avoid for `timeout`."""
        if self._rests and now >= self.shunned_until:
            self.shunned_until = now + timeout
