"""How many questions at once one connection is trusted with, and what follows when it is lost.

Servers differ (RFC 7766, 6.2.1.1). Unbound answers each question as soon as it can, out of order.
Knot answers in order, at once. dnsmasq asks upstream for one after the other, so that the last of many
waits for all, and closes after 100; others close after every answer, or heed only the first question.

    unanswered   answered before    it was       what follows
    one          none               either       it fails
    one          some               closed       put again: it was idle, or has a limit per connection
    one          some               silent       it fails
    several      as many or more    closed       put again: a limit per connection
    several      fewer              closed       put again, one at a time from now on
    several      any                silent       put again, one at a time from now on

Before one at a time, the oldest goes to the end of them: it may be what the server stumbled over, or
waits for, and must not decide for all the others.

A connection is silent when its oldest question has waited for the whole timeout. But a server that
has answered questions out of order takes several at once beyond doubt: there one that waits for too long
fails alone, and the connection stays for as long as others are answered.

    one at a time                                           for how long
    the first time                                          FIRST_SPELL
    again, before WINDOW questions were answered together   LONG_SPELL
    but the first single one fails as well                  it was the server: no longer, and what was
                                                            to be put again fails with it
"""

from __future__ import annotations

from enum import Enum, auto

WINDOW = 64
"""In flight on a connection: as many as by UDP."""
FIRST_SPELL = 30.0
LONG_SPELL = 3600.0


class Verdict(Enum):
    """What becomes of the questions on a connection that was lost."""

    PUT_AGAIN = auto()
    ONE_AT_A_TIME = auto()
    FAILS = auto()


def judge_loss(unanswered: int, answered: int, *, silent: bool) -> Verdict:
    """By the table above."""
    if unanswered == 1:
        return Verdict.FAILS if silent or not answered else Verdict.PUT_AGAIN
    return Verdict.ONE_AT_A_TIME if silent or answered < unanswered else Verdict.PUT_AGAIN


class Pipelining:
    """What is known of one server. All times are monotonic seconds.

    is_proven: it has answered out of order. Until a whole connection falls silent: it may be another
    server then.
    """

    def __init__(self) -> None:
        self.is_proven = False
        self._alone_until = 0.0
        self._troubles = 0
        self._works_alone = True  # until that is in doubt
        self._together = 0  # answers since the last trouble

    def window(self, now: float) -> int:
        """How many questions may be in flight."""
        return 1 if now < self._alone_until else WINDOW

    def note_answer(self, *, alone: bool, overtaken: bool = False) -> None:
        """alone: no other is left in flight. overtaken: one put later was answered before.

        That a younger one is answered proves nothing: the older may have gone unheeded.
        """
        self.is_proven |= overtaken
        if alone:
            self._works_alone = True
            return
        self._together += 1
        if self._together >= WINDOW:
            self._troubles = 0

    def note_trouble(self, now: float) -> None:
        """Several at once were too many."""
        self._troubles += 1
        self._alone_until = now + (FIRST_SPELL if self._troubles == 1 else LONG_SPELL)
        self._works_alone = False
        self._together = 0

    def note_failed_alone(self) -> bool:
        """A connection with one question, or none, came to nothing. Whether that takes trouble back."""
        if self._works_alone or not self._troubles:
            return False
        self._troubles -= 1
        self._alone_until = 0.0
        self._works_alone = True
        return True
