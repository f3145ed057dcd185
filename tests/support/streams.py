"""Stream servers as odd as needed, and asking them through a StreamChannel.

async with StreamServer(lambda connection, query: connection.reply(address_for(query))) as server:
    async with asking(server.nameserver) as channel:
        replies = await channel.ask("a.test", "b.test")
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

from lowatch.config.settings import Nameserver, Transport
from lowatch.core.addresses import format_address
from lowatch.resolve.upstream.channel import Channel, ChannelContext, Pace
from lowatch.resolve.upstream.response_reader import ResponseReader
from lowatch.resolve.upstream.stream_channel import Fallback, StreamChannel
from lowatch.wire.dns import Reply, RRType, encode_question
from tests.support.dns_server import framed
from tests.support.virtual_time import LoopClock

ADDRESS = "192.0.2.10"
_HEADER = 12


def question_of(query: bytes) -> bytes:
    end = query.index(0, _HEADER) + 5
    return query[_HEADER:end]


def name_of(query: bytes) -> str:
    labels, pos = [], _HEADER
    while length := query[pos]:
        labels.append(query[pos + 1 : pos + 1 + length].decode())
        pos += 1 + length
    return ".".join(labels)


def address_for(query: bytes, *addresses: str, ttl: int = 60) -> bytes:
    """A response with these A records, ADDRESS by default."""
    records = b"".join(
        struct.pack("!HHHIH", 0xC00C, 1, 1, ttl, 4) + socket.inet_aton(address)
        for address in addresses or (ADDRESS,)
    )
    counts = struct.pack("!HHHHH", 0x8180, 1, len(addresses or (ADDRESS,)), 0, 0)
    return query[:2] + counts + question_of(query) + records


class Connection(asyncio.Protocol):
    """The server's end of one. number: 0 for the first. queries: what came. reads: in how many pieces."""

    def __init__(self, server: StreamServer) -> None:
        self._server = server
        self.number = len(server.connections)
        self.queries: list[bytes] = []
        self.reads = 0
        self.ended = False
        self._rest = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        self._server.connections.append(self)

    def data_received(self, data: bytes) -> None:
        self.reads += 1
        self._rest += data
        while 2 <= len(self._rest) >= (end := 2 + int.from_bytes(self._rest[:2], "big")):
            query, self._rest = self._rest[2:end], self._rest[end:]
            if self.transport.is_closing():
                return
            self.queries.append(query)
            self._server.script(self, query)

    def connection_lost(self, error: Exception | None) -> None:
        self.ended = True

    @property
    def names(self) -> list[str]:
        return [name_of(query) for query in self.queries]

    def reply(self, message: bytes) -> None:
        self.send(framed(message))

    def send(self, octets: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(octets)

    def drip(self, octets: bytes, interval: float) -> None:
        """One octet after the other."""
        self.send(octets[:1])
        if octets and not self.transport.is_closing():
            asyncio.get_running_loop().call_later(interval, self.drip, octets[1:], interval)

    def close(self) -> None:
        """After what was sent, FIN (RST, where the client had sent more)."""
        self.transport.close()

    def reset(self) -> None:
        """RST, at once."""
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class StreamServer:
    """Listens on a port of 127.0.0.1; `script(connection, query)` is called for each query."""

    def __init__(self, script: Callable[[Connection, bytes], object]) -> None:
        self.script = script
        self.connections: list[Connection] = []

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.nameserver = Nameserver("127.0.0.1", port, Transport.TCP)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for connection in self.connections:
            connection.transport.abort()
        await asyncio.sleep(0)  # transports close their sockets in the next round of the loop

    @property
    def queries(self) -> list[bytes]:
        """All that came, by connection."""
        return [query for connection in self.connections for query in connection.queries]


@dataclass(eq=False)
class Question:
    """An upstream Question. replies: how it ended: once, if all is well."""

    name: str
    sent: float = 0.0
    section: bytes = b""
    known: bytes = b""
    replies: list[Reply] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.section = encode_question(self.name, RRType.A)

    @property
    def text(self) -> str:
        """The addresses, or why there are none."""
        (reply,) = self.replies
        return reply.reason or " ".join(map(format_address, reply.addresses)) or reply.kind


class AskingChannel:
    """A StreamChannel that keeps what it was told. ended: the names, in the order they ended in.

    on_end(question): called at each end, from within the channel's own callback.
    """

    def __init__(
        self,
        server: Nameserver,
        timeout: float = 2.0,
        max_qps: int = 10_000,
        fallback: Fallback | None = None,
    ) -> None:
        self.ended: list[str] = []
        self.observed: list[tuple[str, float]] = []
        self.recoveries = 0
        self.on_end: Callable[[Question], object] = lambda question: None
        self._progress = asyncio.Event()
        context = ChannelContext(LoopClock(), self, ResponseReader(self), random.SystemRandom())
        self.channel = StreamChannel(server, Pace(timeout, max_qps), self, context, fallback)
        self.reports_as: Channel = self.channel

    def put(self, *names: str) -> list[Question]:
        """Ask, and do not wait."""
        questions = [Question(name) for name in names]
        now = asyncio.get_running_loop().time()
        for question in questions:
            self.channel.ask(question, now)
            assert not question.replies, "it was told from within ask()"
        return questions

    async def ask(self, *names: str) -> list[str]:
        """Ask, and return what each came to (Question.text)."""
        questions = self.put(*names)
        await self.ends(questions)
        return [question.text for question in questions]

    async def ends(self, questions: list[Question]) -> None:
        while not all(question.replies for question in questions):
            self._progress.clear()
            await self._progress.wait()

    def on_reply(self, channel: Channel, question: Question, reply: Reply, now: float) -> None:
        assert channel is self.reports_as
        assert isinstance(question, Question)
        question.replies.append(reply)
        assert len(question.replies) == 1
        self.ended.append(question.name)
        self._progress.set()
        self.on_end(question)

    def on_renewed(self, question: Question, ttl: int, now: float) -> None:
        raise AssertionError("a StreamChannel takes no short way")

    def on_batch_over(self) -> None:
        raise AssertionError("a StreamChannel takes no short way")

    def on_recovery(self) -> None:
        self.recoveries += 1

    def on_asking(self, names: Collection[bytes], now: float) -> None:
        raise AssertionError("a channel has no schedule")

    def on_query(self, rcode: str, seconds: float) -> None:
        self.observed.append((rcode, seconds))

    def on_lag(self, seconds: float, count: int) -> None:
        raise AssertionError("a channel has no schedule")

    def on_mismatch(self) -> None:
        raise AssertionError("the lean parser differs from dnspython")


@asynccontextmanager
async def asking(server: Nameserver, **options: float) -> AsyncIterator[AskingChannel]:
    """Closed at the end, when nothing may be owed any more."""
    asked = AskingChannel(server, **options)  # type: ignore[arg-type]
    try:
        yield asked
        assert asked.channel.load == 0
    finally:
        asked.channel.close()
        await asyncio.sleep(0)  # the servers of this loop learn of it


def names(count: int, first: int = 0) -> list[str]:
    return [f"n{number}.test" for number in range(first, first + count)]
