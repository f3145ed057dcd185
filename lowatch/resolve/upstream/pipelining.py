"""How many queries may be in flight on one connection, and what happens to them when it is lost.

Servers differ (RFC 7766, 6.2.1.1). Unbound answers each query as soon as it can, out of order. Knot
answers in order, at once. dnsmasq forwards one query after the other, so the last of many waits for all,
and it closes the connection after 100. Others close after every answer, or read only the first query.

    unanswered   answered before    connection   the unanswered queries
    one          none               either       fail
    one          some               closed       are retried: it was idle, or has a limit per connection
    one          some               silent       fail
    several      as many or more    closed       are retried: there is a limit per connection
    several      fewer              closed       are retried, one at a time from now on
    several      any                silent       are retried, one at a time from now on

Before they are sent one at a time, the oldest moves to the end of the queue. The server may have failed
because of it, and then the others should not fail too.

A connection is silent when its oldest query has waited for the whole timeout. A server that has answered
out of order is known to take several queries at once. There, a query that waits too long fails alone, and
the connection stays open for as long as others are answered.

    one at a time                                       for how long
    the first time                                      FIRST_SPELL
    again, before WINDOW queries were answered at once  LONG_SPELL
    the first single query fails too                    it ends: the server itself is failing, and all
                                                        queries to be retried fail too
"""

from __future__ import annotations

from enum import Enum, auto

WINDOW = 64
"""Queries in flight on a connection: as many as over UDP."""
FIRST_SPELL = 30.0
LONG_SPELL = 3600.0


class AfterLoss(Enum):
    """What happens to the unanswered queries of a lost connection."""

    RETRY = auto()
    ONE_AT_A_TIME = auto()
    FAIL = auto()


def after_loss(unanswered: int, answered: int, *, silent: bool) -> AfterLoss:
    """See the table above. silent: the connection timed out; otherwise the server closed it."""
    if unanswered == 1:
        return AfterLoss.FAIL if silent or not answered else AfterLoss.RETRY
    return AfterLoss.ONE_AT_A_TIME if silent or answered < unanswered else AfterLoss.RETRY


class Pipelining:
    """What is known about one server's pipelining. Times are monotonic seconds.

    is_proven: whether it has answered out of order.
    """

    def __init__(self) -> None:
        self.is_proven = False
        self._alone_until = 0.0
        self._troubles = 0
        self._works_alone = True  # False after trouble, until the server answers a single query
        self._together = 0  # answers since the last trouble, with other queries in flight

    def window(self, now: float) -> int:
        """How many queries may be in flight."""
        return 1 if now < self._alone_until else WINDOW

    def note_answer(self, *, alone: bool, overtaken: bool = False) -> None:
        """A query was answered. alone: no other is in flight. overtaken: a later query was answered before.

        A later query that is answered first proves nothing yet: the server may have ignored this one.
        """
        self.is_proven |= overtaken
        if alone:
            self._works_alone = True
            return
        self._together += 1
        if self._together >= WINDOW:
            self._troubles = 0

    def note_trouble(self, now: float) -> None:
        """The server failed with several queries in flight: send one at a time for a while."""
        self._troubles += 1
        self._alone_until = now + (FIRST_SPELL if self._troubles == 1 else LONG_SPELL)
        self._works_alone = False
        self._together = 0

    def note_silence(self) -> None:
        """A whole connection fell silent: another server may have taken this one's place."""
        self.is_proven = False

    def note_failed_alone(self) -> bool:
        """A connection with at most one query failed without an answer.

        Returns whether that revokes the last trouble: the server itself is failing.
        """
        if self._works_alone or not self._troubles:
            return False
        self._troubles -= 1
        self._alone_until = 0.0
        self._works_alone = True
        return True
