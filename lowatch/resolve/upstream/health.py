"""Whether a nameserver is worth asking: first, only where others are silent too, or hardly at all.

    what came of a query            from now on
    any reply                       it is asked as usual
    no reply in time, or refused    it is asked after the others for 5, 10, 20 ... 60 s; then one query
                                    goes ahead to see
    three in a row unanswered       given up: a few queries at a time go to see, all others fail at once

One silence may be a lost datagram, or a name whose own servers are dead: it counts only where nothing
else was replied to since. An ICMP refusal leaves no doubt, and counts for three.
"""

from __future__ import annotations

import math

COOLDOWN = 5.0
COOLDOWN_LIMIT = 60.0
GIVE_UP_AFTER = 3
"""Queries in a row without a reply."""


class Health:
    """All times are monotonic seconds.

    unanswered: queries in a row. heard: when it last replied to anything. reason: why the last query was
    unanswered, one line.
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
        """No reply in time, to a query sent at `sent`. refused: by ICMP, or when connecting."""
        if not refused and sent < self.heard:
            return  # it has replied to others since: this name has something, not the server
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
        """After a rest one query goes ahead, and the others wait for its end."""
        if self._rests and now >= self.shunned_until:
            self.shunned_until = now + timeout
