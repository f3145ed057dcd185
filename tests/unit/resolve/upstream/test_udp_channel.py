"""One nameserver by UDP. What hostile ones do: tests/unit/resolve/test_engine_hostile_server.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from lowatch.config.settings import Nameserver
from lowatch.core.limits.names import DNS_IN_FLIGHT
from lowatch.resolve.upstream.channel import Channel, Pace
from lowatch.resolve.upstream.socket_channels import SocketChannels
from lowatch.wire.dns import Reply
from tests.support.aio import run_async
from tests.support.dns_server import Query, ScriptedServer, framed, respond
from tests.support.streams import Question
from tests.support.virtual_time import LoopClock, run_virtually
from tests.unit.resolve.asking import Counts, address_only


class Asked:
    """A ReplySink and the channel that tells it."""

    def __init__(self, server: Nameserver, max_qps: int) -> None:
        self.counts = Counts()
        self.batches = 0
        self._progress = asyncio.Event()
        self.channel = SocketChannels(LoopClock(), self.counts).open(server, Pace(2.0, max_qps), self)

    async def ask(self, *names: str) -> list[str]:
        questions = [Question(name) for name in names]
        self.channel.ask_all(questions, asyncio.get_running_loop().time())
        assert not any(question.replies for question in questions)
        while not all(question.replies for question in questions):
            self._progress.clear()
            await self._progress.wait()
        return [question.text for question in questions]

    def on_reply(self, channel: Channel, question: Question, reply: Reply, now: float) -> None:
        assert channel is self.channel
        question.replies.append(reply)
        self._progress.set()

    def on_renewed(self, question: Question, ttl: int, now: float) -> None:
        raise AssertionError("nothing is known yet")

    def on_batch_over(self) -> None:
        self.batches += 1

    def on_recovery(self) -> None: ...


@asynccontextmanager
async def asking(
    script: Callable[[Query], Iterable[bytes]],
    over_tcp: Callable[[Query], bytes] | None = None,
    max_qps: int = 10_000,
) -> AsyncIterator[tuple[Asked, ScriptedServer]]:
    async with ScriptedServer(script, over_tcp) as server:
        asked = Asked(server.nameserver, max_qps)
        try:
            yield asked, server
        finally:
            assert asked.channel.close() == []


def test_each_question_has_its_reply() -> None:
    async def scenario() -> None:
        async with asking(address_only) as (asked, server):
            names = [f"n{number}.test" for number in range(DNS_IN_FLIGHT.value + 10)]
            assert set(await asked.ask(*names)) == {"192.0.2.10"}
            assert sorted(query.name for query in server.queries) == sorted(names)
            assert asked.channel.load == 0
            assert set(asked.counts.rcodes) == {"NOERROR"}
            assert asked.batches

    run_async(scenario())


def test_silence_is_a_failure_after_the_timeout() -> None:
    async def scenario() -> None:
        async with asking(lambda _: []) as (asked, _):
            began = asyncio.get_running_loop().time()
            [reason] = await asked.ask("a.test")
            assert reason
            assert 2.0 <= asyncio.get_running_loop().time() - began < 3.0
            assert asked.channel.health.unanswered

    run_virtually(scenario())


def test_a_truncated_answer_is_fetched_by_tcp() -> None:
    def truncated(query: Query) -> list[bytes]:
        whole = bytearray(respond(query, f"{query.name}. 60 IN A 192.0.2.10"))
        whole[2] |= 2  # TC
        return [bytes(whole)]

    def over_tcp(query: Query) -> bytes:
        return framed(respond(query, f"{query.name}. 60 IN A 192.0.2.11"))

    async def scenario() -> None:
        async with asking(truncated, over_tcp) as (asked, server):
            assert await asked.ask("a.test") == ["192.0.2.11"]
            assert [query.protocol for query in server.queries] == ["udp", "tcp"]

    run_async(scenario())


def test_closed_it_gives_back_what_it_owes_and_asks_no_more() -> None:
    async def scenario() -> None:
        async with ScriptedServer(lambda _: []) as server:
            asked = Asked(server.nameserver, 10_000)
            questions = [Question("a.test"), Question("b.test")]
            asked.channel.ask_all(questions, asyncio.get_running_loop().time())
            assert asked.channel.close() == questions
            assert await asked.ask("c.test") == ["no longer configured as a nameserver"]

    run_async(scenario())
