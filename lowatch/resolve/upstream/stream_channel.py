"""One nameserver over TCP or TLS: one connection, kept open while in use, with many queries in flight.

See RFC 7766 and RFC 7858. The connection is opened when there is something to ask, closed after IDLE
seconds without a query, and opened again on demand. Queries that a lost connection left unanswered are
sent again where that makes sense (see pipelining.py), at most PUTS times in all. Only the final outcome
counts for the server's health, the metrics and the sink.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lowatch.config.settings import Nameserver, Transport
from lowatch.wire.dns import (
    HEADER_LENGTH,
    Reply,
    encode_query,
    failure,
    ident_of,
    is_truncated,
    repeats_question,
)

from .channel import Channel, ChannelContext, Pace, Question, ReplySink
from .health import Health
from .pipelining import AfterLoss, Pipelining, after_loss
from .rate_limit import RateLimit
from .stream_connection import StreamConnection
from .stream_queries import StreamQueries, StreamQuery
from .tls import TlsClient

IDLE = 10.0
"""Seconds without a query after which the connection is closed."""

PUTS = 3
"""How often a query is sent before the loss of a connection fails it."""

BARREN = 3
"""Connections in a row without an answer, after which all waiting queries fail, instead of one by one."""

_STRAYS = 256  # replies on one connection that match no query; some may just be late
_SILENT = frozenset({"TIMEOUT", "UNREACHABLE"})
_GONE = failure("UNREACHABLE", "no longer configured as a nameserver")


class Fallback(NamedTuple):
    """The UDP channel whose truncated answers a StreamChannel fetches, and the rate limit they share."""

    channel: Channel
    limit: RateLimit


class StreamChannel:
    """A Channel over TLS, if that is the server's transport, or else over plain TCP.

    fallback: replies are reported as those of its UDP channel. The questions have been sent over UDP
    before, so `sent` stays as it is, and only the UDP channel updates the server's health.
    """

    def __init__(
        self,
        server: Nameserver,
        pace: Pace,
        sink: ReplySink,
        context: ChannelContext,
        fallback: Fallback | None = None,
    ) -> None:
        self.server = server
        self.name = str(server)
        self.pace = pace
        self.health = fallback.channel.health if fallback else Health()
        self._is_fallback = fallback is not None
        self._reports_as: Channel = fallback.channel if fallback else self
        self._sink = sink
        self._clock, self._observer, self._reader = context.clock, context.observer, context.reader
        self._loop = asyncio.get_running_loop()
        self._limit = fallback.limit if fallback else RateLimit(pace.max_qps, spread=pace.spread)
        self._pipelining = Pipelining()
        self._tls = TlsClient(server) if server.transport is Transport.TLS else None
        self._via = "TLS" if self._tls else "TCP"
        self._queries = StreamQueries()
        self._barren = 0  # connections in a row without an answer
        self._connection: StreamConnection | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._timer: asyncio.TimerHandle | None = None  # for the next deadline, or an idle connection
        self._timer_due = 0.0
        self._last_put = 0.0
        self._closed = False
        self._begin()

    def _begin(self) -> None:
        """Reset what is known about the connection."""
        self._is_fresh = False  # nothing was sent on it yet, and the first query's token is taken
        self._answered = 0
        self._last_answer = 0.0
        self._last_turn = 0
        self._strays = 0

    @property
    def load(self) -> int:
        """The number of questions that have not ended."""
        return len(self._queries)

    def ask(self, question: Question, now: float) -> None:
        self.ask_all((question,), now)

    def ask_all(self, questions: Sequence[Question], now: float) -> None:
        for question in questions:
            if self._closed:
                self._loop.call_soon(self._sink.on_reply, self._reports_as, question, _GONE, now)
                continue
            if not self._is_fallback:
                self.health.note_asked(now, self.pace.timeout)
                question.sent = now
            self._queries.add(question)
        self._put_backlog(now)

    def close(self) -> list[Question]:
        """Stop, and leave no socket or timer. Returns the questions whose end was not reported."""
        self._closed = True
        owed = self._queries.close()
        self._disconnect()
        if self._pause is not None:
            self._pause.cancel()
        return owed

    # Sending.

    def _put_backlog(self, now: float) -> None:
        """Send what may be sent now. Opens a connection first if there is none."""
        window = self._pipelining.window(now)
        queries = self._queries
        while queries.waiting and self._pause is None and len(queries.in_flight) < window:
            if self._connection is not None and not self._connection.is_open:
                return
            if not self._is_fresh:
                wait = self._limit.wait(now)
                if wait > 0:
                    self._pause = self._loop.call_later(wait, self._go_on)
                    return
                self._limit.take(now)
            if self._connection is None:
                self._connect()
            else:
                self._put(self._connection, now)

    def _go_on(self) -> None:
        self._pause = None
        self._put_backlog(self._clock.now().monotonic)

    def _connect(self) -> None:
        self._is_fresh = True
        self._connection = StreamConnection(self.server, self.pace.timeout, self._tls, self)

    def on_open(self) -> None:
        self._put_backlog(self._clock.now().monotonic)

    def _put(self, connection: StreamConnection, now: float) -> None:
        ident, query = self._queries.put_next(now)
        if not (self._is_fallback or query.puts > 1):
            query.question.sent = now
        self._last_put = now
        self._is_fresh = False
        connection.put(encode_query(query.question.section, ident))
        self._watch(now + self.pace.timeout, now)

    # Replies.

    def on_messages(self, messages: list[bytes]) -> None:
        now = self._clock.now().monotonic
        connection = self._connection
        for message in messages:
            self._on_message(message, now)
            if self._connection is not connection:  # the rest came on a connection that is closed now
                return
        self._put_backlog(now)

    def _on_message(self, message: bytes, now: float) -> None:
        ident = ident_of(message)
        query = self._queries.in_flight.get(ident)
        if query is None or not repeats_question(message, query.question.section):
            self._strays += 1
            if len(message) < HEADER_LENGTH or self._strays > _STRAYS:  # the stream is out of step
                self._sort_out(self._stray(), now)
            return
        self._note_answer(ident, query, now)
        if is_truncated(message):
            reply = failure("MALFORMED", f"over {self._via}: a truncated reply")
        else:
            reply = self._reader.read(message, query.question.section)
        self._finish(query, reply, now)

    def _note_answer(self, ident: int, query: StreamQuery, now: float) -> None:
        """A query was answered, so it is no longer in flight."""
        del self._queries.in_flight[ident]
        self._answered += 1
        self._barren = 0
        self._last_answer = now
        self._pipelining.note_answer(
            alone=not self._queries.in_flight, overtaken=query.turn < self._last_turn
        )
        self._last_turn = query.turn

    def _stray(self) -> Reply:
        return failure("MALFORMED", f"over {self._via}: a reply to another question")

    # Timeouts and lost connections.

    def on_lost(self, why: Reply) -> None:
        """The connection could not be opened, or was lost."""
        now = self._clock.now().monotonic
        if self._queries.in_flight:
            self._sort_out(self._stray() if self._strays and not self._answered else why, now)
            return
        never_opened = self._is_fresh
        self._disconnect()
        if never_opened:
            self._pipelining.note_failed_alone()
            self._fail(self._queries.take_waiting(), why, now, refused=why.rcode == "UNREACHABLE")
        self._put_backlog(now)

    def _expire(self, now: float) -> None:
        since = now - self.pace.timeout
        silent = self._queries.silent(since)
        if not silent:
            return
        why = failure("TIMEOUT", f"no reply over {self._via} within {self.pace.timeout:g} s")
        if not self._pipelining.is_proven:
            self._sort_out(why, now, silent=True)
            return
        for ident in silent:
            del self._queries.in_flight[ident]
        if self._last_answer <= since:
            self._pipelining.note_silence()
            self._put_again(self._abandon(), why, now)
        self._fail(silent.values(), why, now)
        self._put_backlog(now)

    def _sort_out(self, why: Reply, now: float, *, silent: bool = False) -> None:
        """Close a failed connection with queries in flight, and retry or fail these (see pipelining.py)."""
        what_next = after_loss(len(self._queries.in_flight), self._answered, silent=silent)
        answered, unanswered = self._answered, self._abandon()
        if not answered:
            self._barren += 1
        if self._barren >= BARREN:
            self._fail([*unanswered, *self._queries.take_waiting()], why, now)
        elif what_next is AfterLoss.FAIL:
            if not answered and self._pipelining.note_failed_alone():
                unanswered += self._queries.take_waiting(again=True)
            self._fail(unanswered, why, now)
        else:
            if what_next is AfterLoss.ONE_AT_A_TIME:
                self._pipelining.note_trouble(now)
                unanswered.append(unanswered.pop(0))
            self._put_again(unanswered, why, now)
        self._put_backlog(now)

    def _abandon(self) -> list[StreamQuery]:
        """Close the connection. Returns its unanswered queries."""
        unanswered = self._queries.take_in_flight()
        self._disconnect()
        return unanswered

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._begin()

    # How a query ends.

    def _put_again(self, queries: list[StreamQuery], why: Reply, now: float) -> None:
        """Send these again, before all others. Those already sent PUTS times fail instead."""
        self._fail(self._queries.put_again(queries, PUTS), why, now)

    def _fail(
        self, queries: Iterable[StreamQuery], why: Reply, now: float, *, refused: bool = False
    ) -> None:
        for query in queries:
            self._finish(query, why, now, refused=refused)

    def _finish(self, query: StreamQuery, reply: Reply, now: float, *, refused: bool = False) -> None:
        if not self._is_fallback:
            if reply.rcode in _SILENT:
                self.health.note_silence(now, reply.reason, sent=query.question.sent, refused=refused)
            else:
                self.health.heard = now
                if self.health.note_reply():
                    self._sink.on_recovery()
        self._observer.on_query(reply.rcode, now - query.question.sent)
        self._sink.on_reply(self._reports_as, query.question, reply, now)

    # The one timer of an open connection.

    def _watch(self, due: float, now: float) -> None:
        """Call _look() at `due` or earlier."""
        if self._timer is not None:
            if self._timer_due <= due:
                return
            self._timer.cancel()
        self._timer_due = due
        self._timer = self._loop.call_later(max(0.0, due - now), self._look)

    def _look(self) -> None:
        self._timer = None
        now = self._clock.now().monotonic
        if self._queries.in_flight:
            self._expire(now)
        elif now - self._last_put >= IDLE:
            self._disconnect()
        if oldest := self._queries.oldest():
            self._watch(oldest.sent + self.pace.timeout, now)
        elif self._connection is not None and self._connection.is_open:
            self._watch(self._last_put + IDLE, now)
