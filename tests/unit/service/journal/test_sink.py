"""Against a real datagram socket that stands for journald."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lowatch.core.lifecycle import Tracked
from lowatch.core.limits.alerts import JOURNAL_FOLDED, JOURNAL_QUEUE, JOURNAL_SUMMARIES
from lowatch.report.alert import entry as alert
from lowatch.report.alert.storm import BURST, FOLDED_AT_ONCE
from lowatch.service.log_stream import StderrHandler
from tests.support.aio import run_async
from tests.unit.service.fake_journald import AT_ONCE, NOW, Journald, Sink, alarm, journal_sink, numbers
from tests.unit.service.test_log_stream import Pipe, logged_to


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


def test_what_the_queue_does_not_hold_is_folded_and_nothing_is_lost(
    journald: Journald, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        sink = Sink(journald.path, capacity=10)
        sink.announce(*range(100))
        got = await journald.read_until(lambda got: len(got) >= 100)
        assert got == list(range(100))
        sink.close()

    run_async(scenario())
    assert logged(caplog) == []


def test_of_what_waits_too_long_the_oldest_is_dropped_and_counted(
    journald: Journald, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JOURNAL_FOLDED, "value", 10)
    monkeypatch.setattr(JOURNAL_SUMMARIES, "value", 0)

    async def scenario() -> int:
        sink = Sink(journald.path, capacity=10)
        sink.announce(*range(100))
        dropped = sink.inner.dropped
        got = await journald.read_until(lambda got: got[-1:] == [99])
        queued = 100 - dropped - 10
        assert got == [*range(queued), *range(90, 100)]
        assert dropped > 0
        sink.announce(100)
        assert sink.inner.dropped == dropped
        sink.close()
        return dropped

    dropped = run_async(scenario())
    assert logged(caplog) == [f"alerts dropped while the journal accepted none: {dropped}"]


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


@pytest.mark.parametrize("late", [False, True])
def test_an_alert_that_is_taken_late_offers_no_fix(
    journald: Journald, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    """journald gives it the time at which it came, and the address may be in use again by then."""
    if late:
        monkeypatch.setattr("lowatch.service.journal.sink._FIX_LASTS", -1.0)
    journald.disappear()

    async def scenario() -> list[dict[str, str]]:
        sink = journal_sink(journald.path, burst=1)
        for number in range(3):
            sink.announce(with_fix(number), NOW)
        sink.flush()
        journald.appear()
        sink.flush()
        sink.close()
        return journald.entries()

    one, folded = run_async(scenario())
    assert (numbers(one), numbers(folded)) == ([0], [1, 2])
    assert [one["LOWATCH_FIX"], folded["LOWATCH_FIX"]] == (["", ""] if late else [FIX, FIX])
    assert one["MESSAGE"] == alert.fields(alarm(0) if late else with_fix(0), NOW)["MESSAGE"]


FIX = "ip address del 192.0.2.10/32 dev lo"


def with_fix(number: int) -> Tracked:
    tracked = alarm(number)
    return replace(tracked, finding=replace(tracked.finding, fix=(FIX,), advice="or remove it:"))


def test_a_summary_that_waited_for_room_offers_no_fix(
    journald: Journald, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JOURNAL_SUMMARIES, "value", 1)
    journald.disappear()

    async def scenario() -> list[dict[str, str]]:
        sink = journal_sink(journald.path, capacity=0)
        for number in range(FOLDED_AT_ONCE + 1):
            sink.announce(with_fix(number), NOW)
        sink.flush()
        journald.appear()
        sink.flush()
        sink.close()
        return journald.entries()

    assert [each["LOWATCH_FIX"] for each in run_async(scenario())] == [FIX, ""]


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


def test_nothing_wakes_the_loop_while_journald_does_not_read(
    journald: Journald, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        sink = Sink(journald.path)
        sink.announce(*range(100))
        woken = 0
        loop = asyncio.get_running_loop()
        add_writer = loop.add_writer

        def add_counted(file: Any, writable: Callable[[], None]) -> None:
            def counted() -> None:
                nonlocal woken
                woken += 1
                writable()

            add_writer(file, counted)

        monkeypatch.setattr(loop, "add_writer", add_counted)
        sink.announce(100)  # registers it again
        woken = 0
        waited = loop.create_future()
        loop.call_later(0.2, waited.set_result, None)
        await waited
        assert woken == 0
        assert await journald.read_until(lambda got: len(got) == 101) == list(range(101))
        assert woken > 1
        sink.close()

    run_async(scenario())


def test_the_end_writes_what_goes_at_once_and_says_what_does_not(
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
        assert logged(caplog) == [f"alerts never accepted by the journal: {100 - len(taken)}"]

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


HUGE = replace(alarm(1), finding=replace(alarm(1).finding, message="x" * (1 << 19)))


def test_an_alert_that_no_datagram_holds_comes_in_a_memory_file(
    journald: Journald, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        sink = Sink(journald.path)
        sink.inner.announce(HUGE, NOW)
        sink.announce(2)
        assert journald.entries() == [alert.fields(one, NOW) for one in (HUGE, alarm(2))]
        sink.inner.announce(HUGE, NOW)
        journald.disappear()
        sink.announce(3)
        sink.close()

    run_async(scenario())
    assert [message.split(";")[0] for message in logged(caplog)] == [
        "orphan-vip: nothing serves 3",
        "alerts never accepted by the journal: 1",
    ]


def test_an_alert_that_no_memory_file_holds_goes_to_stderr_and_blocks_no_other(
    journald: Journald, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "memfd_create", refused)  # as a system call filter would

    async def scenario() -> None:
        sink = Sink(journald.path)
        sink.inner.announce(HUGE, NOW)
        sink.announce(2)
        assert journald.read() == [2]
        assert sink.inner.dropped == 1
        sink.close()

    run_async(scenario())
    assert [len(message) > 1 << 19 for message in logged(caplog)] == [True, False]


def test_a_storm_with_nobody_there_is_quick(journald: Journald) -> None:
    """Ten times the queue: what is queued already is not looked at again for each."""
    journald.disappear()
    logging.getLogger("lowatch").setLevel(logging.CRITICAL)

    async def scenario() -> None:
        sink = Sink(journald.path)
        sink.announce(*range(10 * JOURNAL_QUEUE.value))
        assert sink.inner.dropped == 0
        sink.close()
        assert sink.inner.dropped == 10 * JOURNAL_QUEUE.value

    started = time.process_time()
    run_async(scenario())
    assert time.process_time() - started < 5


# Storms.


def test_a_storm_is_folded_before_the_rate_limit_and_names_every_one(journald: Journald) -> None:
    async def scenario() -> list[dict[str, str]]:
        sink = Sink(journald.path)
        entries = []
        for number in range(BURST + 2 * FOLDED_AT_ONCE + 1):
            sink.announce(number)
            entries += journald.entries()
        async with asyncio.timeout(5):
            while len(entries) < BURST + 3:
                await asyncio.sleep(0)
                entries += journald.entries()
        assert sink.inner.undelivered() == []
        sink.close()
        return entries

    started = time.monotonic()
    entries = run_async(scenario())
    assert time.monotonic() - started < 5
    assert len(entries) == BURST + 3
    assert [number for entry in entries for number in numbers(entry)] == list(range(BURST + 501))
    assert [entry["LOWATCH_COUNT"] for entry in entries[BURST:]] == ["250", "250", "1"]


def test_what_is_folded_goes_out_when_it_is_hurried(journald: Journald) -> None:
    async def scenario() -> None:
        sink = Sink(journald.path, burst=2)
        sink.announce(1, 2, 3)
        assert journald.read() == [1, 2]
        assert [int(one.finding.subject.domain or 0) for one in sink.inner.undelivered()] == [3]
        sink.inner.flush()
        assert journald.read() == [3]
        assert sink.inner.undelivered() == []
        sink.announce(4)
        sink.close()
        assert journald.read() == [4]

    run_async(scenario())


def undelivered(sink: Sink) -> list[int]:
    return [int(one.finding.subject.domain or 0) for one in sink.inner.undelivered()]


def test_a_stderr_that_is_the_journals_tells_nobody_where_journald_is_absent(journald: Journald) -> None:
    """It leads into the same void: were we to end now, nobody would ever hear of it."""

    async def scenario() -> None:
        sink = Sink(journald.path)
        journald.disappear()
        sink.announce(1)
        assert undelivered(sink) == [1]
        journald.appear()
        assert await journald.read_until(bool) == [1]
        assert undelivered(sink) == []
        sink.close()

    run_async(scenario())


@pytest.mark.parametrize("options", [{"enabled": False}, {"echo": True}])
def test_a_line_that_waits_for_stderr_may_be_written_at_any_moment(
    journald: Journald, options: dict[str, bool]
) -> None:
    """So a save that has it as undelivered must not say that nobody knows of it."""

    async def scenario(stderr: StderrHandler) -> None:
        sink = Sink(journald.path, **options)
        journald.disappear()
        sink.announce(1)
        assert sink.inner.undelivered() == [replace(alarm(1), delivery_unknown=True)]
        os.read(pipe.reading, 1 << 20)
        stderr.drain(60)
        assert sink.inner.undelivered() == []
        sink.inner.close()

    pipe = Pipe()
    os.set_blocking(pipe.writing, False)
    with suppress(BlockingIOError):
        while os.write(pipe.writing, b"x" * 4096):
            pass
    with logged_to(pipe.writing) as stderr:
        run_async(scenario(stderr))
    pipe.close()


def test_an_alert_saved_as_undelivered_is_not_sent_after_all(journald: Journald) -> None:
    """Else the next run says it again: flush() is the last that is sent."""

    async def scenario() -> None:
        sink = Sink(journald.path, burst=90)
        sink.announce(*range(100))
        sink.inner.flush()
        saved = undelivered(sink)
        assert saved
        assert journald.read() == list(range(saved[0]))  # there is room again
        await asyncio.sleep(0.1)
        journald.disappear()
        journald.appear()
        await asyncio.sleep(0.1)
        assert (journald.read(), undelivered(sink)) == ([], saved)
        sink.close()

    run_async(scenario())


def test_undelivered_is_what_neither_the_journal_nor_another_stderr_has(
    journald: Journald, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        sink = Sink(journald.path, capacity=20)
        sink.announce(*range(100))
        assert journald.read() + undelivered(sink) == list(range(100))
        waiting = undelivered(sink)
        journald.disappear()
        sink.announce(100)
        while not any("storm of" in message for message in logged(caplog)):
            await asyncio.sleep(0.01)
        assert undelivered(sink) == [*waiting, 100]
        journald.appear()
        assert await journald.read_until(lambda got: got[-1:] == [100]) == [*waiting, 100]
        assert undelivered(sink) == []
        sink.close()
        echoing = Sink(journald.path, echo=True)
        echoing.announce(*range(50))
        assert undelivered(echoing) == []
        echoing.close()

    run_async(scenario())
    assert any("storm of" in message for message in logged(caplog))


def test_the_loop_has_its_turn_in_the_greatest_of_storms(journald: Journald) -> None:
    """A hundred thousand orphans at once, announced as the daemon does.

    By CPU time, for on a busy host others take theirs in between. A turn that waits for journald takes
    none, but never ends: nobody reads before the turn is over.
    """

    async def scenario() -> float:
        sink = journal_sink(journald.path)
        worst, announced, seen = 0.0, 0, 0
        while seen < 100_000:
            started = time.thread_time()
            for number in range(announced, min(announced + 32, 100_000)):
                sink.announce(alarm(number), NOW)
            announced = min(announced + 32, 100_000)
            await asyncio.sleep(0)
            worst = max(worst, time.thread_time() - started)
            seen += len(journald.read())
        assert sink.dropped == 0
        sink.close()
        return worst

    assert run_async(scenario(), timeout=60) < AT_ONCE
