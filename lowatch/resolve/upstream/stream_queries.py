"""The queries of one StreamChannel: those that wait, and those in flight on its connection. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import takewhile

from .channel import Question


class StreamQuery:
    """A question that waits or is in flight.

    puts: how often it was sent on a connection. sent: when it was last sent, in monotonic seconds.
    turn: its place in the order of sending, counted from 1.
    """

    __slots__ = ("puts", "question", "sent", "turn")

    def __init__(self, question: Question) -> None:
        self.question = question
        self.puts = 0
        self.sent = 0.0
        self.turn = 0


class StreamQueries:
    """waiting: those to be sent again come first. in_flight: by id, in the order they were sent."""

    def __init__(self) -> None:
        self.waiting: deque[StreamQuery] = deque()
        self.in_flight: dict[int, StreamQuery] = {}
        self._ident = 0
        self._turn = 0

    def __len__(self) -> int:
        return len(self.waiting) + len(self.in_flight)

    def add(self, question: Question) -> None:
        self.waiting.append(StreamQuery(question))

    def put_next(self, now: float) -> tuple[int, StreamQuery]:
        """Put the first waiting query in flight. Returns its id and the query."""
        query = self.waiting.popleft()
        ident = (self._ident + 1) & 0xFFFF
        while ident in self.in_flight:
            ident = (ident + 1) & 0xFFFF
        self._ident = ident  # ids may be sequential: nobody else can write into the stream
        self._turn += 1
        query.turn = self._turn
        query.puts += 1
        query.sent = now
        self.in_flight[ident] = query
        return ident, query

    def oldest(self) -> StreamQuery | None:
        """The query in flight that was sent first."""
        return next(iter(self.in_flight.values()), None)

    def silent(self, since: float) -> dict[int, StreamQuery]:
        """The queries in flight that were sent at `since` or before."""
        return dict(takewhile(lambda item: item[1].sent <= since, self.in_flight.items()))

    def take_in_flight(self) -> list[StreamQuery]:
        """Remove and return all queries in flight."""
        taken = list(self.in_flight.values())
        self.in_flight.clear()
        return taken

    def take_waiting(self, *, again: bool = False) -> list[StreamQuery]:
        """Remove and return the waiting queries. again: only those that have been sent before."""
        taken = []
        while self.waiting and (self.waiting[0].puts or not again):
            taken.append(self.waiting.popleft())
        return taken

    def put_again(self, queries: Sequence[StreamQuery], most: int) -> list[StreamQuery]:
        """Queue these before all others, except those sent `most` times already, which it returns."""
        self.waiting.extendleft(query for query in reversed(queries) if query.puts < most)
        return [query for query in queries if query.puts >= most]

    def close(self) -> list[Question]:
        """Drop all queries. Returns their questions."""
        return [query.question for query in (*self.take_in_flight(), *self.take_waiting())]
