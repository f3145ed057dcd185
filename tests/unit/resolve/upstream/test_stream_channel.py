"""One connection to a nameserver: opened on demand, kept, shared by many questions, closed when idle."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from lowatch.config.settings import Nameserver, Transport
from lowatch.resolve.upstream.rate_limit import RateLimit
from lowatch.resolve.upstream.stream_channel import Fallback
from tests.support.dns_server import free_port
from tests.support.netns import Netns
from tests.support.streams import (
    ADDRESS,
    AskingChannel,
    Connection,
    Question,
    StreamServer,
    address_for,
    asking,
    names,
)
from tests.support.virtual_time import run_virtually


def answering(connection: Connection, query: bytes) -> None:
    connection.reply(address_for(query))


def silent(connection: Connection, query: bytes) -> None:
    pass


def with_server(
    scenario: Callable[[StreamServer, AskingChannel], Awaitable[None]],
    script: Callable[[Connection, bytes], object] = answering,
    **options: float,
) -> None:
    async def serve() -> None:
        async with StreamServer(script) as server, asking(server.nameserver, **options) as channel:
            await scenario(server, channel)

    run_virtually(serve())


def now() -> float:
    return asyncio.get_running_loop().time()


# The connection.


def test_one_connection_serves_all_questions() -> None:
    async def scenario(server: StreamServer, asked: AskingChannel) -> None:
        assert not server.connections  # nothing to ask, no connection
        for _ in range(3):
            assert await asked.ask(*names(200)) == [ADDRESS] * 200
        assert len(server.connections) == 1
        assert len(server.queries) == 600
        assert len({query[:2] for query in server.queries}) == 600  # ids are not soon used again
        assert {rcode for rcode, _ in asked.observed} == {"NOERROR"}
        assert len(asked.observed) == 600

    with_server(scenario)


def test_what_is_asked_at_once_is_written_at_once() -> None:
    async def scenario(server: StreamServer, asked: AskingChannel) -> None:
        await asked.ask(*names(64))
        assert server.connections[0].reads == 1

    with_server(scenario)


def test_at_most_64_are_in_flight() -> None:
    async def scenario(server: StreamServer, asked: AskingChannel) -> None:
        questions = asked.put(*names(100))
        await asyncio.sleep(0.1)
        (connection,) = server.connections
        assert len(connection.queries) == 64
        assert asked.channel.load == 100
        for query in list(connection.queries[:10]):
            connection.reply(address_for(query))
        await asyncio.sleep(0.1)
        assert len(connection.queries) == 74
        server.script = answering
        for query in list(connection.queries[10:]):
            connection.reply(address_for(query))
        await asked.ends(questions)
        assert asked.channel.load == 0

    with_server(scenario, silent)


def test_it_is_closed_when_idle_and_opened_again() -> None:
    async def scenario(server: StreamServer, asked: AskingChannel) -> None:
        await asked.ask("a.test")
        await asyncio.sleep(9)
        await asked.ask("b.test")
        await asyncio.sleep(9.9)
        assert not server.connections[0].ended
        await asyncio.sleep(0.2)
        assert server.connections[0].ended
        await asked.ask("c.test")
        assert [connection.names for connection in server.connections] == [["a.test", "b.test"], ["c.test"]]

    with_server(scenario)


def test_one_that_the_server_closed_while_idle_costs_nothing() -> None:
    async def scenario(server: StreamServer, asked: AskingChannel) -> None:
        await asked.ask("a.test")
        server.connections[0].close()
        await asyncio.sleep(0.1)
        assert await asked.ask("b.test") == [ADDRESS]
        assert [connection.names for connection in server.connections] == [["a.test"], ["b.test"]]

    with_server(scenario)


@pytest.mark.parametrize("end", [Connection.close, Connection.reset])
def test_a_question_that_meets_its_closing_is_put_again(end: Callable[[Connection], None]) -> None:
    """RFC 7766, 6.2.4: no failure, of the server's or of the question's."""

    def script(connection: Connection, query: bytes) -> None:
        if connection.number == 0 and len(connection.queries) > 1:
            end(connection)
        else:
            connection.reply(address_for(query))

    async def scenario(server: StreamServer, asked: AskingChannel) -> None:
        await asked.ask("a.test")
        before = now()
        assert await asked.ask("b.test") == [ADDRESS]
        assert now() - before < 0.1
        assert [rcode for rcode, _ in asked.observed] == ["NOERROR", "NOERROR"]
        assert asked.channel.health.admits(now())

    with_server(scenario, script)


def test_it_is_opened_at_most_at_the_pace() -> None:
    """A server that is not there is not knocked at for every name that is due."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        nobody = Nameserver("127.0.0.1", free_port(), Transport.TCP)
        async with asking(nobody, max_qps=5) as asked:
            started = loop.time()
            for _ in range(11):
                assert await asked.ask("a.test") == ["over TCP: Connection refused"]
            assert 2 <= loop.time() - started < 2.1

    run_virtually(scenario())


# Pace, health, metrics.


def test_questions_keep_to_the_pace() -> None:
    async def scenario(server: StreamServer, asked: AskingChannel) -> None:
        started = now()
        assert await asked.ask(*names(35)) == [ADDRESS] * 35
        assert 3 <= now() - started < 3.1

    with_server(scenario, max_qps=10)


def test_the_slowest_pace_keeps_its_questions() -> None:
    """One query a second, and a server that closes at once what is idle: the token is not lost."""

    def script(connection: Connection, query: bytes) -> None:
        connection.reply(address_for(query))
        connection.close()

    async def scenario(server: StreamServer, asked: AskingChannel) -> None:
        started = now()
        assert await asked.ask(*names(5)) == [ADDRESS] * 5
        assert 4 <= now() - started < 4.1

    with_server(scenario, script, max_qps=1)


def test_time_is_taken_from_sending_to_the_reply() -> None:
    def script(connection: Connection, query: bytes) -> None:
        asyncio.get_running_loop().call_later(0.3, connection.reply, address_for(query))

    async def scenario(server: StreamServer, asked: AskingChannel) -> None:
        await asked.ask("a.test")
        ((rcode, seconds),) = asked.observed
        assert (rcode, seconds) == ("NOERROR", pytest.approx(0.3, abs=0.02))

    with_server(scenario, script)


def test_it_fetches_for_a_udp_channel() -> None:
    """With that one's server, health, pace and times, of which it notes nothing by itself."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        limit = RateLimit(10)
        limit.take(loop.time(), 9)
        async with StreamServer(answering) as server:
            udp = server.nameserver._replace(transport=Transport.UDP)
            by_udp = AskingChannel(udp).channel
            health = by_udp.health
            asked = AskingChannel(udp, fallback=Fallback(by_udp, limit))
            asked.reports_as = by_udp
            assert asked.channel.name == f"127.0.0.1:{udp.port}"
            assert asked.channel.health is health
            questions = [Question("a.test", sent=loop.time() - 0.5), Question("b.test", sent=loop.time())]
            for question in questions:
                asked.channel.ask(question, loop.time())
            await asked.ends(questions)
            assert [question.text for question in questions] == [ADDRESS, ADDRESS]
            assert asked.observed[0][1] == pytest.approx(0.5, abs=0.02)
            assert asked.observed[1][1] == pytest.approx(1.0, abs=0.02)  # it had to wait for a token
        question = Question("c.test")
        asked.channel.ask(question, loop.time())
        await asked.ends([question])
        assert question.text == "over TCP: Connection refused"
        assert not health.given_up
        assert health.admits(loop.time())
        assert asked.channel.close() == []

    run_virtually(scenario())


def test_failures_are_noted_of_the_servers_health() -> None:
    async def scenario() -> None:
        nobody = Nameserver("127.0.0.1", free_port(), Transport.TCP)
        async with asking(nobody) as asked:
            await asked.ask("a.test")
            assert asked.channel.health.given_up
            assert not asked.channel.health.admits(now())
            async with await _serving(nobody.port):
                assert await asked.ask("a.test") == [ADDRESS]
            assert not asked.channel.health.given_up
        assert [rcode for rcode, _ in asked.observed] == ["UNREACHABLE", "NOERROR"]

    run_virtually(scenario())


async def _serving(port: int) -> asyncio.Server:
    server = StreamServer(answering)
    return await asyncio.get_running_loop().create_server(lambda: Connection(server), "127.0.0.1", port)


# Nobody there.


def test_a_refusal_is_known_at_once_to_all_that_wait() -> None:
    async def scenario() -> None:
        nobody = Nameserver("127.0.0.1", free_port(), Transport.TCP)
        async with asking(nobody) as asked:
            before = now()
            assert await asked.ask(*names(100)) == ["over TCP: Connection refused"] * 100
            assert now() - before < 0.1

    run_virtually(scenario())


def test_no_route_and_no_interface() -> None:
    async def scenario() -> None:
        for host, reason in {
            "192.0.2.53": "Network is unreachable",
            "2001:db8::53": "Network is unreachable",
            "fe80::1%eth9": "no interface with this name",
        }.items():
            async with asking(Nameserver(host, 53, Transport.TCP)) as asked:
                assert await asked.ask("a.test") == [f"over TCP: {reason}"]

    run_virtually(scenario())


def test_a_connection_that_does_not_come_about() -> None:
    with Netns() as netns, netns.entered():
        port = 53
        netns.full_listener("127.0.0.1", port)

        async def scenario() -> None:
            async with asking(Nameserver("127.0.0.1", port, Transport.TCP)) as asked:
                before = now()
                assert await asked.ask("a.test", "b.test") == ["no TCP connection within 2 s"] * 2
                assert now() - before == pytest.approx(2, abs=0.1)
                assert asked.observed[0] == ("TIMEOUT", pytest.approx(2, abs=0.1))

        run_virtually(scenario())


def test_ipv6() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        server = StreamServer(answering)
        listening = await loop.create_server(lambda: Connection(server), "::1", 0)
        async with listening:
            port = listening.sockets[0].getsockname()[1]
            async with asking(Nameserver("::1", port, Transport.TCP)) as asked:
                assert await asked.ask("a.test") == [ADDRESS]

    run_virtually(scenario())


# Closing the channel.


def test_closing_returns_what_is_owed_and_tells_nobody() -> None:
    async def scenario(server: StreamServer, asked: AskingChannel) -> None:
        questions = asked.put(*names(100))
        await asyncio.sleep(0.1)
        assert asked.channel.close() == questions
        assert asked.channel.close() == []
        await asyncio.sleep(10)
        assert asked.ended == []
        assert server.connections[0].ended

    with_server(scenario, silent)


def test_closing_while_connecting() -> None:
    async def scenario(server: StreamServer, asked: AskingChannel) -> None:
        questions = asked.put("a.test")
        assert asked.channel.close() == questions
        await asyncio.sleep(10)
        assert asked.ended == []
        assert server.queries == []

    with_server(scenario)


def test_closing_before_it_was_written() -> None:
    async def scenario(server: StreamServer, asked: AskingChannel) -> None:
        await asked.ask("a.test")
        questions = asked.put("b.test")
        assert asked.channel.close() == questions
        await asyncio.sleep(1)
        assert server.connections[0].names == ["a.test"]

    with_server(scenario)


def test_closing_before_a_failure_was_reported() -> None:
    async def scenario() -> None:
        async with asking(Nameserver("192.0.2.53", 53, Transport.TCP)) as asked:
            questions = asked.put("a.test")
            assert asked.channel.close() == questions
            await asyncio.sleep(1)
            assert asked.ended == []

    run_virtually(scenario())


def test_closing_while_waiting_for_the_pace() -> None:
    async def scenario(server: StreamServer, asked: AskingChannel) -> None:
        questions = asked.put(*names(3))
        await asyncio.sleep(0.1)
        assert asked.channel.close() == questions[2:]
        await asyncio.sleep(5)
        assert asked.ended == names(2)

    with_server(scenario, max_qps=2)


def test_a_closed_channel_fails_what_it_is_asked() -> None:
    async def scenario(server: StreamServer, asked: AskingChannel) -> None:
        asked.channel.close()
        assert await asked.ask("a.test") == ["no longer configured as a nameserver"]

    with_server(scenario)


def test_a_listener_may_ask_again_or_close_the_channel() -> None:
    async def scenario(server: StreamServer, asked: AskingChannel) -> None:
        again: list[Question] = []
        asked.on_end = lambda question: again.extend(asked.put("again.test") if not again else [])
        await asked.ask("a.test")
        await asked.ends(again)

        owed: list[object] = []
        asked.on_end = lambda question: owed.extend(asked.channel.close())
        questions = asked.put(*names(70))
        await asked.ends(questions[:1])
        assert owed == questions[1:]

    with_server(scenario)


def test_a_listener_may_ask_again_after_a_failure() -> None:
    """As a lookup does in its second round: into the failure of all others that were waiting."""

    async def scenario() -> None:
        nobody = Nameserver("127.0.0.1", free_port(), Transport.TCP)
        async with asking(nobody) as asked:
            again: list[Question] = []

            def ask_again(question: Question) -> None:
                if not question.name.startswith("again"):
                    again.extend(asked.put(f"again-{question.name}"))

            asked.on_end = ask_again
            await asked.ask(*names(10))
            await asked.ends(again)
            assert len(again) == 10

    run_virtually(scenario())
