"""One nameserver over UDP: many queries in flight on connected sockets, each with a deadline.

On a connected socket the kernel drops what others send, and reports an ICMP refusal at once. A reply
must arrive on the socket of its query, with its id and its question; anything else is ignored.

This is the hot path: at 100,000 names each line of _send and _take runs 2,000 times a second. Work is
done in batches: all datagrams that have arrived, then all queries that there is room for.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque
from collections.abc import Sequence
from itertools import takewhile

from lowatch.config.settings import Nameserver
from lowatch.core.limits.names import DNS_IN_FLIGHT
from lowatch.wire.dns import (
    HEADER_LENGTH,
    QUERY_END,
    QUERY_HEADER,
    TC,
    Reply,
    failure,
    repeats_question,
)

from .channel import ChannelContext, Pace, Question, ReplySink
from .dns0x20 import FOLDS_FOR, Echo, after_reply, mix_case
from .health import Health
from .rate_limit import RateLimit
from .response_reader import READING
from .stream_channel import Fallback, StreamChannel
from .udp_sockets import UdpSockets, is_on_this_host

_DATAGRAM = 4096  # more than the 1232 that EDNS offers, in case a server sends more anyway
_DATAGRAMS_AT_ONCE = 128  # then the loop serves its other readers

_InFlight = tuple[Question, socket.socket, bytes]
"""The question, the socket it was sent on, and its section as it was sent."""


class UdpChannel:
    """Queries one nameserver within its rate limit, with at most DNS_IN_FLIGHT queries in flight."""

    def __init__(self, server: Nameserver, pace: Pace, sink: ReplySink, context: ChannelContext) -> None:
        self.server = server
        self.name = str(server)
        self.health = Health()
        self.pace = pace
        self._sink = sink
        self._context = context
        self._clock, self._observer = context.clock, context.observer
        self._reader, self._random = context.reader, context.random
        self._loop = asyncio.get_running_loop()
        self._limit = RateLimit(pace.max_qps, spread=pace.spread)
        self._sockets = UdpSockets(server, self)
        self._backlog: deque[Question] = deque()
        self._in_flight: dict[bytes, _InFlight] = {}  # by id, in the order of their deadlines
        self._mixes_case = not is_on_this_host(server)
        self._echo = Echo.UNTRIED if self._mixes_case else Echo.FOLDS
        self._echo_since = 0.0
        self._stream: StreamChannel | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def load(self) -> int:
        by_tcp = 0 if self._stream is None else self._stream.load
        return len(self._backlog) + len(self._in_flight) + by_tcp

    def ask(self, question: Question, now: float) -> None:
        self.ask_all((question,), now)

    def ask_all(self, questions: Sequence[Question], now: float) -> None:
        if self._closed:
            gone = failure("UNREACHABLE", "no longer configured as a nameserver")
            for question in questions:
                self._loop.call_soon(self._sink.on_reply, self, question, gone, now)
            return
        if self.health.unanswered:
            self.health.note_asked(now, self.pace.timeout)
        self._backlog.extend(questions)
        self._send_backlog()

    def close(self) -> list[Question]:
        self._closed = True
        owed = [question for question, _, _ in self._in_flight.values()]
        owed += self._backlog
        if self._stream is not None:
            owed += self._stream.close()
        self._in_flight.clear()
        self._backlog.clear()
        self._sockets.close()
        for timer in (self._deadline, self._pause):
            if timer is not None:
                timer.cancel()
        return owed

    # Sending: as many as there is room for, within the rate limit.

    def _send_backlog(self) -> None:
        room = DNS_IN_FLIGHT.value - len(self._in_flight)
        if len(self._backlog) <= room:
            room = len(self._backlog)
        else:
            DNS_IN_FLIGHT.reached()
        if self._pause is not None or room <= 0:
            return
        now = self._clock.now().monotonic
        budget = self._limit.budget(now)
        count = min(room, budget)
        if count > 0:
            self._limit.take(now, count)
            self._send(count, now)
            self._watch_deadline(now)
        if room > budget:
            self._pause = self._loop.call_later(self._limit.wait(now), self._go_on)

    def _go_on(self) -> None:
        self._pause = None
        self._send_backlog()

    def _send(self, count: int, now: float) -> None:
        """Send the next `count` questions of the backlog, as many on each socket as it takes."""
        if self._echo is Echo.FOLDS and self._mixes_case and now > self._echo_since + FOLDS_FOR:
            self._echo = Echo.UNTRIED
        while count > 0:
            try:
                sock, some = self._sockets.take(count)
                self._send_by(sock, some, now)
            except OSError as error:
                # Not from within this call: a sink that then asks the next server would recurse.
                self._loop.call_soon(self._fail_unsent, error)
                return
            count -= some

    def _send_by(self, sock: socket.socket, count: int, now: float) -> None:
        """Send `count` questions. Raises OSError if one cannot be sent; that one stays in the backlog."""
        folds = self._echo is Echo.FOLDS
        for ident in self._fresh_idents(count):
            question = self._backlog[0]
            question.sent = now
            section = question.section if folds else mix_case(question.section, self._random)
            try:  # noqa: SIM105 - contextlib.suppress would cost a tenth of the whole query
                sock.send(ident + QUERY_HEADER + section + QUERY_END)
            except BlockingIOError:
                pass  # treated like a lost datagram: the deadline ends it
            self._in_flight[ident] = question, sock, section
            del self._backlog[0]

    def _fresh_idents(self, count: int) -> list[bytes]:
        """`count` ids of two random octets each, none of which a query in flight has."""
        fresh: list[bytes] = []
        while len(fresh) < count:
            octets = self._random.randbytes(2 * (count - len(fresh)))
            drawn = {octets[at : at + 2] for at in range(0, len(octets), 2)}
            fresh += drawn.difference(self._in_flight, fresh)
        return fresh

    def _fail_unsent(self, error: OSError) -> None:
        """Fail all questions: the reason why one could not be sent applies to the others too."""
        unsent, self._backlog = list(self._backlog), deque()
        now = self._clock.now().monotonic
        for question in unsent:
            question.sent = now
        self._end_all(unsent, _unreachable(error))
        self._fail_all(error)

    # How a query ends: a reply, a longer one over TCP, a refusal, or a timeout.

    def on_readable(self, sock: socket.socket) -> None:
        """Take all datagrams that have arrived, then send as many queries as there is room for."""
        now, receive, take, expected = (
            self._clock.now().monotonic,
            sock.recv,
            self._take,
            len(self._in_flight),
        )
        until = self._loop.time() + READING
        for _ in range(_DATAGRAMS_AT_ONCE):
            if self._loop.time() > until:
                break
            try:
                message = receive(_DATAGRAM)
            except BlockingIOError:
                break
            except OSError as error:
                self._fail_all(error)
                break
            take(sock, message, now)
            if self._closed:
                return
        if len(self._in_flight) < expected:
            self.health.heard = now
        self._send_backlog()
        self._sink.on_batch_over()

    def _take(self, sock: socket.socket, message: bytes, now: float) -> None:
        ident = message[:2]
        in_flight = self._in_flight.get(ident)
        if in_flight is None:
            return  # late or forged
        question, via, section = in_flight
        if via is not sock:
            return
        if question.known and not self.health.unanswered:
            ttl = self._reader.renewed_ttl(message, section, question.known)
            if ttl is not None:
                del self._in_flight[ident]
                self._observer.on_query("NOERROR", now - question.sent)
                self._sink.on_renewed(question, ttl, now)
                return
        if not repeats_question(message, section) or self._echo is Echo.UNTRIED:
            replied = message[HEADER_LENGTH : HEADER_LENGTH + len(section)]
            echo, ours = after_reply(self._echo, section, replied)
            if not ours or not repeats_question(message, replied):
                return
            self._echo, self._echo_since = echo, now
        del self._in_flight[ident]
        if self.health.unanswered and self.health.note_reply():
            self._sink.on_recovery()
        if message[2] & TC:
            self._ask_by_tcp(question, now)
            return
        reply = self._reader.read(message, question.section)
        self._observer.on_query(reply.rcode, now - question.sent)
        self._sink.on_reply(self, question, reply, now)

    def _ask_by_tcp(self, question: Question, now: float) -> None:
        if self._stream is None:
            fallback = Fallback(self, self._limit)
            self._stream = StreamChannel(self.server, self.pace, self._sink, self._context, fallback)
        self._stream.ask(question, now)

    def _fail_all(self, error: OSError) -> None:
        """Fail all queries in flight: the error of one applies to the others too."""
        in_flight = [question for question, _, _ in self._in_flight.values()]
        self._in_flight.clear()
        self._sockets.renew()  # the source address or the route may be gone
        self._end_all(in_flight, _unreachable(error))

    def _expire(self) -> None:
        self._deadline = None
        now = self._clock.now().monotonic
        sent_before = now - self.pace.timeout
        silent = list(takewhile(lambda one: one[1][0].sent <= sent_before, self._in_flight.items()))
        for ident, _ in silent:
            del self._in_flight[ident]
        if silent:
            self._sockets.renew()
            if self._echo is Echo.ECHOES:
                self._echo = Echo.UNTRIED
        self._end_all(
            [question for _, (question, _, _) in silent],
            failure("TIMEOUT", f"no reply within {self.pace.timeout:g} s"),
        )
        self._watch_deadline(now)
        if self.health.given_up:
            self._give_up_backlog(now)

    def _give_up_backlog(self, now: float) -> None:
        """Fail the questions not sent yet: the server has been given up."""
        unsent, self._backlog = self._backlog, deque()
        for question in unsent:
            self._sink.on_reply(self, question, failure("UNREACHABLE", self.health.reason), now)

    def _end_all(self, unanswered: list[Question], reply: Reply) -> None:
        now = self._clock.now().monotonic
        for question in unanswered:
            refused = reply.rcode == "UNREACHABLE"
            self.health.note_silence(now, reply.reason, sent=question.sent, refused=refused)
            self._observer.on_query(reply.rcode, now - question.sent)
            self._sink.on_reply(self, question, reply, now)
        self._send_backlog()

    def _watch_deadline(self, now: float) -> None:
        """Set the only timer, for the query that was sent first. A query that ends leaves it running."""
        if self._deadline is None and self._in_flight and not self._closed:
            question, _, _ = next(iter(self._in_flight.values()))
            wait = question.sent + self.pace.timeout - now
            self._deadline = self._loop.call_later(max(0, wait), self._expire)

    def sockets_in_use(self) -> set[socket.socket]:
        """The sockets on which replies are still expected."""
        return {sock for _, sock, _ in self._in_flight.values()}


def _unreachable(error: OSError) -> Reply:
    number = error.errno  # the text of errno is plainer than Python's
    return failure("UNREACHABLE", os.strerror(number) if number else str(error))
