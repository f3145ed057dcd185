"""Stream servers that lie, stall or break off: each with how a question to them ends, and when."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest

from lowatch.config.settings import Nameserver, Transport
from lowatch.resolve.upstream import stream_connection
from lowatch.resolve.upstream.stream_connection import Framing
from tests.support.dns_server import framed
from tests.support.streams import (
    ADDRESS,
    AskingChannel,
    Connection,
    StreamServer,
    address_for,
    asking,
    names,
)
from tests.support.virtual_time import run_virtually

FORGED = "203.0.113.66"

CLOSED = "over TCP: the server closed the connection before its reply was complete"
RESET = "over TCP: Connection reset by peer"
TIMEOUT = "no reply over TCP within 2 s"
ANOTHER = "over TCP: a reply to another question"

Script = Callable[[Connection, bytes], object]


def ask(script: Script, *asked: str) -> tuple[list[str], float]:
    """What the questions come to, and after how many seconds."""

    async def scenario() -> tuple[list[str], float]:
        loop = asyncio.get_running_loop()
        async with StreamServer(script) as server, asking(server.nameserver) as channel:
            started = loop.time()
            return await channel.ask(*asked), loop.time() - started

    return run_virtually(scenario())


def right(query: bytes) -> bytes:
    return address_for(query)


def forged(query: bytes) -> bytes:
    return address_for(query, FORGED)


def with_wrong_id(query: bytes) -> bytes:
    message = forged(query)
    return bytes((message[0] ^ 0x80,)) + message[1:]


def with_wrong_name(query: bytes) -> bytes:
    return forged(query).replace(b"\4test", b"\4tesx", 1)


def with_wrong_type(query: bytes) -> bytes:
    return forged(query).replace(b"\4test\0\0\1\0\1", b"\4test\0\0\x1c\0\1", 1)


def as_a_query(query: bytes) -> bytes:
    message = bytearray(forged(query))
    message[2] &= 0x7F
    return bytes(message)


IGNORED: dict[str, Callable[[bytes], bytes]] = {
    "wrong id": with_wrong_id,
    "wrong name": with_wrong_name,
    "wrong type": with_wrong_type,
    "the query echoed": bytes,
    "not marked as a response": as_a_query,
    "cut off in the question": lambda query: forged(query)[:16],
}


@pytest.mark.parametrize("case", IGNORED)
def test_a_reply_to_no_question_is_ignored_and_the_right_one_taken(case: str) -> None:
    def script(connection: Connection, query: bytes) -> None:
        for _ in range(3):
            connection.reply(IGNORED[case](query))
        connection.reply(right(query))
        connection.reply(forged(query))  # a duplicate

    texts, seconds = ask(script, *names(10))
    assert texts == [ADDRESS] * 10
    assert seconds < 0.1


@pytest.mark.parametrize("case", IGNORED)
def test_alone_it_is_silence_or_says_so(case: str) -> None:
    texts, seconds = ask(lambda connection, query: connection.reply(IGNORED[case](query)), "a.test")
    assert (texts, seconds) == ([TIMEOUT], pytest.approx(2, abs=0.1))

    def script(connection: Connection, query: bytes) -> None:
        connection.reply(IGNORED[case](query))
        connection.close()

    texts, seconds = ask(script, "a.test")
    assert texts == [ANOTHER]
    assert seconds < 0.1


def test_a_flood_of_them_ends_the_connection() -> None:
    def script(connection: Connection, query: bytes) -> None:
        connection.send(framed(with_wrong_id(query)) * 1000)

    texts, seconds = ask(script, "a.test")
    assert texts == [ANOTHER]
    assert seconds < 0.1


OUT_OF_STEP = {"empty": b"\0\0", "shorter than a header": framed(b"\0" * 11), "text": b"\0\4HTTP/1.1"}


@pytest.mark.parametrize("case", OUT_OF_STEP)
def test_out_of_step_the_connection_is_given_up(case: str) -> None:
    texts, seconds = ask(lambda connection, query: connection.send(OUT_OF_STEP[case]), "a.test")
    assert texts == [ANOTHER]
    assert seconds < 0.1


@pytest.mark.parametrize("case", OUT_OF_STEP)
def test_out_of_step_once_the_rest_is_asked_again(case: str) -> None:
    """And what follows on the old connection is not read."""

    def script(connection: Connection, query: bytes) -> None:
        connection.reply(right(query))
        if connection.number == 0 and len(connection.queries) == 30:
            connection.send(OUT_OF_STEP[case] * 5 + framed(forged(query)) * 2000)

    texts, seconds = ask(script, *names(50))
    assert texts == [ADDRESS] * 50
    assert seconds < 0.1


def to_the_first(send: Script) -> Script:
    """Only the first query of a connection is replied to, so that the pieces of replies do not mix."""

    def script(connection: Connection, query: bytes) -> None:
        if len(connection.queries) == 1:
            send(connection, query)

    return script


def breaking_off(connection: Connection, query: bytes) -> None:
    connection.send(framed(right(query))[:-1])
    connection.close()


def truncating(connection: Connection, query: bytes) -> None:
    message = right(query)
    connection.reply(message[:2] + b"\x83" + message[3:])


FAILURES: dict[str, tuple[Script, str, float]] = {
    "closes at once": (lambda connection, query: connection.close(), CLOSED, 0),
    "closes in the middle": (breaking_off, CLOSED, 0),
    "resets": (lambda connection, query: connection.reset(), RESET, 0),
    "is silent": (lambda connection, query: None, TIMEOUT, 2),
    "drips": (to_the_first(lambda c, query: c.drip(framed(right(query)), 0.1)), TIMEOUT, 2),
    "never sends what it announced": (to_the_first(lambda c, _: c.send(b"\xff\xffxx")), TIMEOUT, 2),
    "sends one octet": (to_the_first(lambda c, _: c.send(b"\0")), TIMEOUT, 2),
    "truncates": (truncating, "over TCP: a truncated reply", 0),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_question_alone_fails_with_its_reason_and_in_time(case: str) -> None:
    script, reason, seconds = FAILURES[case]
    assert ask(script, "a.test") == ([reason], pytest.approx(seconds, abs=0.1))


@pytest.mark.parametrize("case", FAILURES)
def test_many_fail_with_it_after_one_was_tried_alone(case: str) -> None:
    script, reason, seconds = FAILURES[case]
    assert ask(script, *names(64)) == ([reason] * 64, pytest.approx(2 * seconds, abs=0.2))


def test_it_works_again_afterwards() -> None:
    async def scenario() -> None:
        async with (
            StreamServer(lambda connection, query: None) as server,
            asking(server.nameserver) as channel,
        ):
            await channel.ask(*names(64))
            server.script = lambda connection, query: connection.reply(right(query))
            assert await channel.ask(*names(64)) == [ADDRESS] * 64
            assert server.connections[-1].reads == 1  # all at once, as before
            assert not channel.channel.health.given_up

    run_virtually(scenario())


def test_a_slow_drip_that_is_done_in_time_is_an_answer() -> None:
    texts, _ = ask(lambda connection, query: connection.drip(framed(right(query)), 0.02), "a.test")
    assert texts == [ADDRESS]


def test_a_connection_that_nobody_accepts() -> None:
    """The kernel does, and then there is silence."""

    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as sock:
            server = Nameserver("127.0.0.1", sock.getsockname()[1], Transport.TCP)
            async with asking(server) as channel:
                started = asyncio.get_running_loop().time()
                assert await channel.ask("a.test") == [TIMEOUT]
                assert asyncio.get_running_loop().time() - started == pytest.approx(2, abs=0.1)

    run_virtually(scenario())


def test_an_answer_of_64_kib_is_taken_whole_among_others() -> None:
    addresses = [f"10.0.{n // 256}.{n % 256}" for n in range(4090)]

    def script(connection: Connection, query: bytes) -> None:
        connection.reply(address_for(query, *addresses) if b"\3big" in query else right(query))

    texts, _ = ask(script, "a.test", "big.test", "b.test")
    assert [texts[0], texts[2]] == [ADDRESS, ADDRESS]
    assert sorted(texts[1].split()) == sorted(addresses)


def test_answers_out_of_order_find_their_questions() -> None:
    def script(connection: Connection, query: bytes) -> None:
        if len(connection.queries) % 50 == 0:
            for n, earlier in enumerate(reversed(connection.queries[-50:])):
                connection.reply(address_for(earlier, f"10.0.0.{50 - n}"))

    texts, _ = ask(script, *names(50))
    assert texts == [f"10.0.0.{n + 1}" for n in range(50)]


@pytest.mark.parametrize("place", [0, 1, 30, 40, 63, 79])
def test_a_question_that_always_ends_the_connection_fails_alone(place: int) -> None:
    """It is put three times, and no other question is lost to it."""

    def script(connection: Connection, query: bytes) -> None:
        if b"\6poison" in query:
            connection.reset()
        else:
            connection.reply(right(query))

    async def scenario() -> None:
        async with StreamServer(script) as server, asking(server.nameserver) as channel:
            asked = [*names(place), "poison.test", *names(80 - place, first=place)]
            texts = await channel.ask(*asked)
            assert dict(zip(asked, texts, strict=True)) == dict.fromkeys(names(80), ADDRESS) | {
                "poison.test": RESET
            }
            assert sum(b"\6poison" in query for query in server.queries) <= 3

    run_virtually(scenario())


def test_no_memory_grows_with_what_a_server_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def framing() -> Framing:
        made.append(Framing())
        return made[-1]

    monkeypatch.setattr(stream_connection, "Framing", framing)

    async def scenario() -> None:
        def script(connection: Connection, query: bytes) -> None:
            connection.send(b"\xff\xff" + bytes(65534))

        async with StreamServer(script) as server, asking(server.nameserver) as channel:
            questions = channel.put("a.test")
            await asyncio.sleep(1)
            assert len(made[-1]) == 65536
            await channel.ends(questions)

    run_virtually(scenario())


def test_metrics_count_each_question_once() -> None:
    def script(connection: Connection, query: bytes) -> None:
        connection.reply(right(query))
        connection.close()

    async def scenario() -> AskingChannel:
        async with StreamServer(script) as server, asking(server.nameserver) as channel:
            await channel.ask(*names(100))
            return channel

    channel = run_virtually(scenario())
    assert [rcode for rcode, _ in channel.observed] == ["NOERROR"] * 100
