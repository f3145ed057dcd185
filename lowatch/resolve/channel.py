"""One nameserver: queries over a connected UDP socket, many in flight, each with a deadline.

Connected, so that the kernel drops what others send and reports an ICMP refusal at once. A reply
must come on the socket its query left by, with its id and its question; anything else is ignored.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from itertools import takewhile
from typing import NamedTuple, Protocol

from lowatch.config.schema import Nameserver
from lowatch.wire.dns import Reply, encode_query, failure, ident_of, is_truncated, repeats_question

from .health import Health
from .reader import MismatchObserver, Reader
from .schedule import RateLimit
from .tcp import exchange_tcp
from .udp import UdpSockets, socket_address

MAX_IN_FLIGHT = 64
"""More overflows a server's default receive buffer (256 at once lost queries to knot's)."""

_SILENT = frozenset({"TIMEOUT", "UNREACHABLE"})


class QueryObserver(MismatchObserver, Protocol):
    """Told of each query's end, for the metrics."""

    def on_query(self, rcode: str, seconds: float) -> None:
        """rcode: as in Reply. seconds: from sending to the reply, over TCP too where it had to."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What a channel needs of its surroundings. now: monotonic seconds. spawn: into a TaskGroup."""

    now: Callable[[], float]
    spawn: Callable[[Coroutine[object, object, None]], object]
    observer: QueryObserver
    reader: Reader


class Pace(NamedTuple):
    """timeout: seconds to wait for a reply. max_qps: queries in any one second."""

    timeout: float
    max_qps: int


Done = Callable[["Channel", Reply, float], None]
"""done(channel, reply, now): how a query to that channel's nameserver ended."""


class Exchange:
    """A query waiting to be sent, or in flight, and whom to tell how it ended."""

    __slots__ = ("done", "ident", "question", "sent", "socket")

    def __init__(self, question: bytes, done: Done) -> None:
        self.question = question
        self.done = done
        self.ident = 0
        self.sent = 0.0
        self.socket: socket.socket | None = None


class Channel:
    """Asks one nameserver, at its pace, with at most MAX_IN_FLIGHT queries under way."""

    def __init__(self, server: Nameserver, pace: Pace, environment: Environment) -> None:
        self.server = server
        self.name = str(server)
        self.health = Health()
        self.pace = pace
        self._environment = environment
        self._loop = asyncio.get_running_loop()
        self._limit = RateLimit(pace.max_qps)
        self._sockets = UdpSockets(server, environment.now, self._on_datagram, self._fail_all)
        self._backlog: deque[Exchange] = deque()
        self._in_flight: dict[int, Exchange] = {}  # by id, in the order of their deadlines
        self._by_tcp = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._closed = False

    def ask(self, question: bytes, done: Done, now: float) -> None:
        """Queue a question; `done` is called later, never from within this call."""
        if self._closed:
            self._loop.call_soon(done, self, failure("UNREACHABLE", "no longer a nameserver"), now)
            return
        self.health.note_asked(now, self.pace.timeout)
        self._backlog.append(Exchange(question, done))
        self._send_backlog(now)

    def close(self) -> list[Done]:
        """Stop, and tell nobody: returns whom a reply was still owed."""
        self._closed = True
        owed = [exchange.done for exchange in (*self._in_flight.values(), *self._backlog)]
        self._in_flight.clear()
        self._backlog.clear()
        self._sockets.close()
        for timer in (self._deadline, self._pause):
            if timer is not None:
                timer.cancel()
        return owed

    def _send_backlog(self, now: float) -> None:
        while self._backlog and self._pause is None and len(self._in_flight) + self._by_tcp < MAX_IN_FLIGHT:
            wait = self._limit.wait(now)
            if wait > 0:
                self._pause = self._loop.call_later(wait, self._go_on)
                return
            self._limit.take(now)
            self._send(self._backlog.popleft(), now)

    def _go_on(self) -> None:
        self._pause = None
        self._send_backlog(self._environment.now())

    def _send(self, exchange: Exchange, now: float) -> None:
        while (ident := secrets.randbits(16)) in self._in_flight:
            pass
        exchange.ident, exchange.sent = ident, now
        self._in_flight[ident] = exchange
        self._watch_deadline(now)
        try:
            exchange.socket = self._sockets.take()
            exchange.socket.send(encode_query(exchange.question, ident))
        except BlockingIOError:
            pass  # as good as lost on the way: the deadline sees to it
        except OSError as error:
            # Not from within ask(): whoever then asks the next server would recurse.
            self._loop.call_soon(self._fail_all, error)

    # How a query may end: a reply, a longer one by TCP, a refusal, silence.

    def _on_datagram(self, sock: socket.socket, message: bytes, now: float) -> None:
        exchange = self._in_flight.get(ident_of(message))
        if (
            exchange is None
            or exchange.socket is not sock
            or not repeats_question(message, exchange.question)
        ):
            return  # late, or forged
        self._land(exchange)
        if is_truncated(message):
            self._by_tcp += 1
            self._environment.spawn(self._ask_by_tcp(exchange))
        else:
            self._end(exchange, self._environment.reader.read(message, exchange.question), now)

    async def _ask_by_tcp(self, exchange: Exchange) -> None:
        query = encode_query(exchange.question, exchange.ident)
        try:
            async with asyncio.timeout(self.pace.timeout):
                message = await exchange_tcp(*socket_address(self.server), query)
        except TimeoutError:
            reply = failure("TIMEOUT", f"no reply over TCP within {self.pace.timeout:g} s")
        except (OSError, EOFError) as error:
            reply = failure("UNREACHABLE", f"over TCP: {_reason(error)}")
        else:
            reply = self._read_stream_reply(message, exchange)
        finally:
            self._by_tcp -= 1
        self._end(exchange, reply, self._environment.now())

    def _read_stream_reply(self, message: bytes, exchange: Exchange) -> Reply:
        if ident_of(message) != exchange.ident or not repeats_question(message, exchange.question):
            return failure("MALFORMED", "over TCP: a reply to another question")
        if is_truncated(message):
            return failure("MALFORMED", "over TCP: a truncated reply")
        return self._environment.reader.read(message, exchange.question)

    def _fail_all(self, error: OSError) -> None:
        reply = failure("UNREACHABLE", _reason(error))
        self._fail(tuple(self._in_flight.values()), reply, self._environment.now())

    def _expire(self) -> None:
        self._deadline = None
        now = self._environment.now()
        sent_before = now - self.pace.timeout
        silent = tuple(takewhile(lambda exchange: exchange.sent <= sent_before, self._in_flight.values()))
        self._fail(silent, failure("TIMEOUT", f"no reply within {self.pace.timeout:g} s"), now)
        self._watch_deadline(now)

    def _fail(self, exchanges: tuple[Exchange, ...], reply: Reply, now: float) -> None:
        if exchanges:
            self._sockets.renew()  # the source address or the route may be what has gone
        for exchange in exchanges:
            self._land(exchange)
        for exchange in exchanges:
            self._end(exchange, reply, now)

    def _land(self, exchange: Exchange) -> None:
        """It is in flight no longer."""
        del self._in_flight[exchange.ident]
        if exchange.socket is not None:
            self._sockets.release(exchange.socket)
        if not self._in_flight and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end(self, exchange: Exchange, reply: Reply, now: float) -> None:
        if reply.rcode in _SILENT:
            self.health.note_silence(now)
        else:
            self.health.note_reply()
        self._environment.observer.on_query(reply.rcode, now - exchange.sent)
        self._send_backlog(now)
        exchange.done(self, reply, now)

    def _watch_deadline(self, now: float) -> None:
        """One timer, for the query that was sent first."""
        if self._deadline is None and self._in_flight:
            first = next(iter(self._in_flight.values()))
            wait = first.sent + self.pace.timeout - now
            self._deadline = self._loop.call_later(max(0, wait), self._expire)


def _reason(error: OSError | EOFError) -> str:
    number = getattr(error, "errno", None)  # whose text is plainer than asyncio's
    return os.strerror(number) if number else str(error)
