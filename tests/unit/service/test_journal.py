"""Against a real datagram socket that stands for journald."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lowatch.report import alert
from lowatch.service.journal import CAPACITY
from tests.support.aio import run_async

from .fake_journald import AT_ONCE, NOW, Journald, Sink, alarm


@pytest.fixture
def journald(tmp_path: Path) -> Iterator[Journald]:
    daemon = Journald(tmp_path / "socket")
    yield daemon
    daemon.disappear()


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


@pytest.fixture(autouse=True)
def _every_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "lowatch")


def test_an_entry_has_all_fields_of_the_alert(journald: Journald, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        sink = Sink(journald.path)
        sink.announce(7)
        (entry,) = journald.entries()
        assert entry == alert.fields(alarm(7), NOW)
        sink.close()

    run_async(scenario())
    assert logged(caplog) == []


def test_a_journald_that_does_not_read_stalls_nothing_and_loses_nothing(
    journald: Journald, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        sink = Sink(journald.path)
        sink.announce(*range(200))
        assert await journald.read_until(lambda got: len(got) >= 200) == list(range(200))
        sink.announce(200)
        assert await journald.read_until(bool) == [200]
        assert sink.inner.dropped == 0
        sink.close()

    run_async(scenario())
    assert logged(caplog) == []


def test_the_loop_runs_on_while_journald_does_not_read(journald: Journald) -> None:
    async def scenario() -> None:
        sink = Sink(journald.path)
        loop = asyncio.get_running_loop()
        sink.announce(*range(100))
        worst, until = 0.0, loop.time() + 0.5
        while loop.time() < until:
            asked = loop.time()
            await asyncio.sleep(0.01)
            worst = max(worst, loop.time() - asked - 0.01)
        assert worst < AT_ONCE
        sink.close()

    run_async(scenario())


def test_of_what_waits_too_long_the_oldest_is_dropped_and_counted(
    journald: Journald, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> int:
        sink = Sink(journald.path, capacity=10)
        sink.announce(*range(100))
        dropped = sink.inner.dropped
        got = await journald.read_until(lambda got: got[-1:] == [99])
        taken = len(got) - 10  # by the socket's own queue, before it was full
        assert got == [*range(taken), *range(90, 100)]
        assert dropped == 100 - taken - 10
        sink.announce(100)
        assert sink.inner.dropped == dropped
        sink.close()
        return dropped

    dropped = run_async(scenario())
    assert logged(caplog) == [f"alerts dropped while the journal took none: {dropped}"]


def test_a_journald_that_appears_late_gets_all_and_stderr_had_each_once(
    journald: Journald, caplog: pytest.LogCaptureFixture
) -> None:
    journald.disappear()

    async def scenario() -> None:
        sink = Sink(journald.path)
        sink.announce(*range(30))
        await asyncio.sleep(0)
        journald.appear()
        assert await journald.read_until(lambda got: len(got) >= 30) == list(range(30))
        sink.close()

    run_async(scenario())
    assert [message.split(";")[0] for message in logged(caplog)] == [
        f"orphan-vip: nothing serves {number}" for number in range(30)
    ]
    assert {record.levelno for record in caplog.records} == {logging.ERROR}


def test_a_journald_that_restarts_under_the_same_path_is_found_at_once(
    journald: Journald, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        sink = Sink(journald.path)
        sink.announce(1)
        assert journald.read() == [1]
        journald.disappear()
        journald.appear()
        sink.announce(2)
        assert journald.read() == [2]
        sink.close()

    run_async(scenario())
    assert logged(caplog) == []


def test_a_journald_that_dies_with_a_full_queue_is_missed_and_served_again(
    journald: Journald, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> list[int]:
        sink = Sink(journald.path)
        sink.announce(*range(100))
        assert logged(caplog) == []  # it is there, and slow: stderr says nothing
        taken = journald.read()
        journald.disappear()
        sink.announce(100)
        journald.appear()
        rest = await journald.read_until(lambda got: got[-1:] == [100])
        sink.close()
        assert [*taken, *rest] == list(range(101))
        return rest

    rest = run_async(scenario())
    shown = [int(message.split(";")[0].split()[-1]) for message in logged(caplog)]
    assert shown == rest  # exactly what nobody had taken when it died, in order


def test_an_absent_journald_is_looked_for_ever_less_often(journald: Journald) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        delays: list[float] = []
        due: list[Callable[[], None]] = []

        def call_later(delay: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
            delays.append(delay)
            due.append(callback)
            return loop.call_at(loop.time() + 3600, callback)  # only to be cancelled

        sink = Sink(journald.path)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop, "call_later", call_later)
            journald.disappear()
            sink.announce(1, 2)
            for _ in range(9):
                due.pop()()
            assert delays == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
            journald.appear()
            due.pop()()
            assert journald.read() == [1, 2]
            journald.disappear()
            sink.announce(3)
            assert delays[10:] == [0.05]
        sink.close()

    run_async(scenario())


def test_nothing_wakes_the_loop_while_journald_does_not_read(journald: Journald) -> None:
    async def scenario() -> None:
        sink = Sink(journald.path)
        sink.announce(*range(100))
        woken = 0
        loop, flush = asyncio.get_running_loop(), sink.inner._flush

        def counted() -> None:
            nonlocal woken
            woken += 1
            flush()

        sink.inner._flush = counted  # type: ignore[method-assign]
        sink.announce(100)  # registers it anew
        woken = 0
        waited = loop.create_future()
        loop.call_later(0.2, waited.set_result, None)
        await waited
        assert woken == 0
        assert await journald.read_until(lambda got: len(got) == 101) == list(range(101))
        assert woken > 1
        sink.close()

    run_async(scenario())


def test_close_writes_what_goes_at_once_and_says_what_does_not(
    journald: Journald, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        sink = Sink(journald.path)
        sink.announce(*range(100))
        taken = journald.read()
        sink.close()
        taken += journald.read()
        assert taken == list(range(len(taken)))
        assert sink.inner.dropped == 100 - len(taken) > 0
        assert logged(caplog) == [f"alerts that the journal never took: {100 - len(taken)}"]

    run_async(scenario())


def test_close_is_quiet_where_nothing_waits(journald: Journald, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        sink = Sink(journald.path)
        sink.close()
        sink.close()

    run_async(scenario())
    assert logged(caplog) == []


def test_disabled_writes_to_stderr_only(journald: Journald, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        sink = Sink(journald.path, enabled=False)
        sink.announce(1, 2)
        sink.close()
        assert sink.inner.dropped == 0

    run_async(scenario())
    assert journald.read() == []
    assert len(logged(caplog)) == 2


@pytest.mark.parametrize("there", [True, False])
def test_echo_shows_each_alert_on_stderr_exactly_once(
    journald: Journald, caplog: pytest.LogCaptureFixture, there: bool
) -> None:
    if not there:
        journald.disappear()

    async def scenario() -> None:
        sink = Sink(journald.path, echo=True)
        sink.announce(1, 2, 3)
        sink.close()

    run_async(scenario())
    alerts = [message for message in logged(caplog) if message.startswith("orphan-vip")]
    assert len(alerts) == 3


def test_an_alert_that_no_datagram_holds_goes_to_stderr_and_blocks_no_other(
    journald: Journald, caplog: pytest.LogCaptureFixture
) -> None:
    huge = alarm(1)
    huge = replace(huge, finding=replace(huge.finding, message="x" * (1 << 22)))

    async def scenario() -> None:
        sink = Sink(journald.path)
        sink.inner.announce(huge, NOW)
        sink.announce(2)
        assert journald.read() == [2]
        sink.close()

    run_async(scenario())
    assert [len(message) > 1 << 22 for message in logged(caplog)] == [True]


def test_a_storm_with_nobody_there_is_quick(journald: Journald) -> None:
    """Ten times the queue: what is queued already is not looked at again for each."""
    journald.disappear()
    logging.getLogger("lowatch").setLevel(logging.CRITICAL)

    async def scenario() -> None:
        sink = Sink(journald.path)
        sink.announce(*range(10 * CAPACITY))
        assert sink.inner.dropped == 9 * CAPACITY
        sink.close()

    started = time.process_time()
    run_async(scenario())
    assert time.process_time() - started < 5
