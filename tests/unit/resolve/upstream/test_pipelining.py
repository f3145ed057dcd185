"""How many questions at once: what is learnt from servers that do not take several, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from lowatch.resolve.upstream.pipelining import (
    FIRST_SPELL,
    LONG_SPELL,
    WINDOW,
    AfterLoss,
    Pipelining,
    after_loss,
)
from tests.support.streams import (
    ADDRESS,
    AskingChannel,
    Connection,
    StreamServer,
    address_for,
    asking,
    name_of,
    names,
)
from tests.support.virtual_time import run_virtually

CLOSED, SILENT = False, True

Script = Callable[[Connection, bytes], object]


@pytest.mark.parametrize(
    ("unanswered", "answered", "silent", "verdict"),
    [
        (1, 0, CLOSED, AfterLoss.FAIL),
        (1, 0, SILENT, AfterLoss.FAIL),
        (1, 1, CLOSED, AfterLoss.RETRY),
        (1, 99, SILENT, AfterLoss.FAIL),
        (2, 2, CLOSED, AfterLoss.RETRY),
        (64, 100, CLOSED, AfterLoss.RETRY),
        (2, 1, CLOSED, AfterLoss.ONE_AT_A_TIME),
        (64, 0, CLOSED, AfterLoss.ONE_AT_A_TIME),
        (2, 100, SILENT, AfterLoss.ONE_AT_A_TIME),
        (64, 0, SILENT, AfterLoss.ONE_AT_A_TIME),
    ],
)
def test_losses(unanswered: int, answered: int, silent: bool, verdict: AfterLoss) -> None:
    assert after_loss(unanswered, answered, silent=silent) is verdict


def test_one_at_a_time_for_a_while_and_for_longer_the_next_time() -> None:
    pipelining = Pipelining()
    assert pipelining.window(0) == WINDOW
    pipelining.note_trouble(1000)
    assert pipelining.window(1000 + FIRST_SPELL - 1) == 1
    pipelining.note_answer(alone=True)
    assert pipelining.window(1000 + FIRST_SPELL) == WINDOW
    pipelining.note_trouble(2000)
    assert pipelining.window(2000 + LONG_SPELL - 1) == 1
    assert pipelining.window(2000 + LONG_SPELL) == WINDOW


def test_many_answers_in_company_redeem_a_server() -> None:
    pipelining = Pipelining()
    pipelining.note_trouble(1000)
    for _ in range(WINDOW):
        pipelining.note_answer(alone=False)
    pipelining.note_trouble(2000)
    assert pipelining.window(2000 + FIRST_SPELL) == WINDOW


def test_a_server_that_fails_alone_as_well_says_nothing_of_pipelining() -> None:
    pipelining = Pipelining()
    assert not pipelining.note_failed_alone()
    pipelining.note_trouble(1000)
    assert pipelining.note_failed_alone()
    assert pipelining.window(1001) == WINDOW
    pipelining.note_trouble(2000)
    pipelining.note_answer(alone=True)
    assert not pipelining.note_failed_alone()  # now it is known to work alone
    assert pipelining.window(2001) == 1
    assert pipelining.window(2000 + FIRST_SPELL) == WINDOW


# Servers, each with all that is asked of it answered.


def run(server: StreamServer, count: int = 200) -> tuple[AskingChannel, float]:
    """Ask for so many names at once; every one must be answered. And how long that took."""

    async def scenario() -> tuple[AskingChannel, float]:
        loop = asyncio.get_running_loop()
        async with server, asking(server.nameserver) as asked:
            started = loop.time()
            assert await asked.ask(*names(count)) == [ADDRESS] * count
            assert asked.channel.health.admits(loop.time())
            return asked, loop.time() - started

    return run_virtually(scenario())


def most_together(server: StreamServer) -> list[int]:
    return [len(connection.queries) for connection in server.connections]


class ClosesAfter:
    """So many answers on a connection, then it is closed."""

    def __init__(self, answers: int) -> None:
        self.answers = answers

    def __call__(self, connection: Connection, query: bytes) -> None:
        connection.reply(address_for(query))
        if len(connection.queries) == self.answers:
            connection.close()


@pytest.mark.parametrize("limit", [1, 2, 5, 31, 32, 40, 63, 64, 65, 100])
def test_a_server_that_closes_after_so_many(limit: int) -> None:
    server = StreamServer(ClosesAfter(limit))
    _, seconds = run(server)
    assert seconds < 0.5
    assert len(server.connections) <= -(-200 // limit) + 2
    assert len(server.queries) <= 200  # each is heard once: what comes after a close is not


def test_one_that_closes_after_a_hundred_is_still_asked_many_at_once() -> None:
    server = StreamServer(ClosesAfter(100))
    run(server, 1000)
    assert len(server.connections) == 10
    assert sum(connection.reads for connection in server.connections) < 100


class OneAfterTheOther:
    """In order, each question taking so many seconds: as dnsmasq asks its upstream."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.waiting = 0

    def __call__(self, connection: Connection, query: bytes) -> None:
        loop = asyncio.get_running_loop()
        due = max(loop.time(), getattr(connection, "free_at", 0.0)) + self.seconds
        connection.free_at = due  # type: ignore[attr-defined]
        loop.call_at(due, connection.reply, address_for(query))


def test_a_server_that_takes_one_after_the_other_is_asked_so() -> None:
    """64 at 50 ms each would wait for longer than the timeout, although it works all the time."""
    server = StreamServer(OneAfterTheOther(0.05))
    asked, seconds = run(server, 100)
    assert {rcode for rcode, _ in asked.observed} == {"NOERROR"}
    assert seconds == pytest.approx(100 * 0.05 + 0.1, abs=0.2)  # nothing lost but where it was noticed


def test_one_that_is_quick_enough_is_asked_many_at_once() -> None:
    server = StreamServer(OneAfterTheOther(0.02))
    run(server, 100)
    assert len(server.connections) == 1


class HeedsTheFirst:
    """Of all questions that come before its answer, only the first is heeded."""

    def __call__(self, connection: Connection, query: bytes) -> None:
        if not getattr(connection, "is_busy", False):
            connection.is_busy = True  # type: ignore[attr-defined]
            asyncio.get_running_loop().call_later(0.01, self.reply, connection, query)

    @staticmethod
    def reply(connection: Connection, query: bytes) -> None:
        connection.is_busy = False  # type: ignore[attr-defined]
        connection.reply(address_for(query))


def test_a_server_that_heeds_only_one_question_at_a_time() -> None:
    server = StreamServer(HeedsTheFirst())
    _, seconds = run(server)
    assert seconds == pytest.approx(2 + 0.63, abs=0.2)  # one timeout, then what went unheeded, 10 ms each


def test_a_server_that_resets_when_it_is_asked_several() -> None:
    def script(connection: Connection, query: bytes) -> None:
        loop = asyncio.get_running_loop()
        waiting = len(connection.queries) - getattr(connection, "answered", 0)
        if waiting > 1:
            connection.reset()
        else:
            loop.call_later(0.001, reply, connection, query)

    def reply(connection: Connection, query: bytes) -> None:
        connection.answered = getattr(connection, "answered", 0) + 1  # type: ignore[attr-defined]
        connection.reply(address_for(query))

    server = StreamServer(script)
    _, seconds = run(server, 100)
    assert seconds < 1
    assert len(server.connections) == 2


def test_several_are_tried_again_after_a_while_then_after_an_hour() -> None:
    async def scenario() -> None:
        async with StreamServer(HeedsTheFirst()) as server, asking(server.nameserver) as asked:
            loop = asyncio.get_running_loop()

            async def seconds_for_ten() -> float:
                started = loop.time()
                assert await asked.ask(*names(10)) == [ADDRESS] * 10
                return loop.time() - started

            assert await seconds_for_ten() > 2
            assert await seconds_for_ten() < 0.2
            await asyncio.sleep(FIRST_SPELL)
            assert await seconds_for_ten() > 2
            await asyncio.sleep(LONG_SPELL - 10)
            assert await seconds_for_ten() < 0.2
            await asyncio.sleep(10)
            assert await seconds_for_ten() > 2
            server.script = lambda connection, query: connection.reply(address_for(query))
            await asyncio.sleep(LONG_SPELL)
            await asked.ask(*names(64))
            assert server.connections[-1].reads == 1

    run_virtually(scenario())


# Slow questions.


def never_answering(connection: Connection, query: bytes) -> None:
    """All but slow.test."""
    if b"\4slow" not in query:
        connection.reply(address_for(query))


def stuck_at(connection: Connection, query: bytes) -> None:
    """slow.test, and what comes after it on the same connection."""
    if not any(b"\4slow" in each for each in connection.queries):
        connection.reply(address_for(query))


def test_a_slow_question_fails_alone_where_the_server_answers_out_of_order() -> None:
    def script(connection: Connection, query: bytes) -> None:
        """The even ones at once, the odd ones a little later."""
        if name_of(query).endswith(("0.test", "2.test", "4.test")):
            connection.reply(address_for(query))
        elif b"\4slow" not in query:
            asyncio.get_running_loop().call_later(0.01, connection.reply, address_for(query))

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        async with StreamServer(script) as server, asking(server.nameserver) as asked:
            (slow,) = asked.put("slow.test")
            started = loop.time()
            while not slow.replies:
                assert await asked.ask(*names(5)) == [ADDRESS] * 5
            assert slow.text == "no reply over TCP within 2 s"
            assert loop.time() - started == pytest.approx(2, abs=0.1)
            assert await asked.ask(*names(5)) == [ADDRESS] * 5
            assert len(server.connections) == 1
            assert asked.channel.health.admits(loop.time())

    run_virtually(scenario())


@pytest.mark.parametrize("script", [never_answering, stuck_at])
@pytest.mark.parametrize("place", [0, 1, 30, 63])
def test_a_slow_question_costs_no_other_its_answer(place: int, script: Script) -> None:
    async def scenario() -> None:
        async with StreamServer(script) as server, asking(server.nameserver) as asked:
            questions = [*names(place), "slow.test", *names(63 - place, first=place)]
            texts = await asked.ask(*questions)
            assert texts.pop(place) == "no reply over TCP within 2 s"
            assert texts == [ADDRESS] * 63

    run_virtually(scenario())


def test_a_proven_server_that_dies_is_noticed_after_one_timeout() -> None:
    def shuffled(connection: Connection, query: bytes) -> None:
        if len(connection.queries) == 2:
            for each in reversed(connection.queries):
                connection.reply(address_for(each))

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        async with StreamServer(shuffled) as server, asking(server.nameserver) as asked:
            assert await asked.ask("a.test", "b.test") == [ADDRESS] * 2
            started = loop.time()
            questions = asked.put(*names(10))
            await asyncio.sleep(1)
            younger = asked.put(*names(10, first=10))
            await asked.ends(questions)
            assert loop.time() - started == pytest.approx(2, abs=0.1)
            server.script = lambda connection, query: connection.reply(address_for(query))
            await asked.ends(younger)
            assert [question.text for question in younger] == [ADDRESS] * 10
            assert loop.time() - started == pytest.approx(2, abs=0.1)

    run_virtually(scenario())


def test_what_was_proven_holds_until_silence() -> None:
    """Another server may stand there afterwards, which takes one question after the other."""

    def shuffled(connection: Connection, query: bytes) -> None:
        if len(connection.queries) == 2:
            for each in reversed(connection.queries):
                connection.reply(address_for(each))

    async def scenario() -> None:
        async with StreamServer(shuffled) as server, asking(server.nameserver) as asked:
            assert await asked.ask("a.test", "b.test") == [ADDRESS] * 2
            assert set(await asked.ask(*names(10))) == {"no reply over TCP within 2 s"}
            server.script = OneAfterTheOther(0.3)
            assert await asked.ask(*names(10)) == [ADDRESS] * 10

    run_virtually(scenario())


def test_a_dead_server_is_noticed_after_two() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        silent = StreamServer(lambda connection, query: None)
        async with silent as server, asking(server.nameserver) as asked:
            started = loop.time()
            texts = await asked.ask(*names(64))
            assert set(texts) == {"no reply over TCP within 2 s"}
            assert loop.time() - started == pytest.approx(4, abs=0.1)
            assert most_together(server) == [64, 1]

    run_virtually(scenario())


def test_in_the_end_a_dead_server_fails_all_that_wait() -> None:
    """Three connections that answered nothing are enough: 256 lookups are not tried one by one."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        async with StreamServer(HeedsTheFirst()) as server, asking(server.nameserver) as asked:
            assert await asked.ask(*names(10)) == [ADDRESS] * 10  # one at a time from now on
            server.script = lambda connection, query: None
            started = loop.time()
            texts = await asked.ask(*names(256))
            assert set(texts) == {"no reply over TCP within 2 s"}
            assert loop.time() - started == pytest.approx(8, abs=0.2)
            assert asked.channel.health.given_up

    run_virtually(scenario())
