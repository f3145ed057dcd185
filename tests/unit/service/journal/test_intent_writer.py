"""Entries are written down before they are sent, unless the disk hangs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from lowatch.core.lifecycle import Tracked
from lowatch.files.threads import NoThreadError
from lowatch.service.journal.intent_writer import Entry, IntentWriter
from tests.support.inline_threads import InlineThreads
from tests.support.virtual_time import run_virtually
from tests.unit.service.fake_journald import alarm


class Disk:
    """Intents. written: what was written down, by generation."""

    def __init__(self) -> None:
        self.generation = 1
        self.written: list[tuple[int, int]] = []

    def intend(self, findings: Iterable[Tracked], generation: int) -> None:
        self.written.append((generation, len(list(findings))))


class Sink:
    def __init__(self) -> None:
        self.told = 0

    def may_send(self) -> None:
        self.told += 1


class HeldThreads(InlineThreads):
    """work: what a thread is to do, once it gets the processor."""

    def __init__(self) -> None:
        self.work: list[Callable[[], None]] = []

    def start(self, work: Callable[[], None], name: str) -> None:
        self.work.append(work)


class NoThreads(InlineThreads):
    def start(self, work: Callable[[], None], name: str) -> None:
        raise NoThreadError("can't start new thread")


def entry() -> Entry:
    return Entry({}, b"", shown=False, findings=(alarm(1),))


def test_an_entry_is_sent_once_it_is_written_down() -> None:
    async def scenario() -> None:
        disk, sink, threads = Disk(), Sink(), HeldThreads()
        writer = IntentWriter(asyncio.get_running_loop(), disk, threads, sink)
        one = entry()
        assert not writer.allows(one, [one])
        assert not writer.allows(one, [one]), "it is being written"
        [work] = threads.work
        work()
        await asyncio.sleep(0)
        assert (disk.written, sink.told) == ([(1, 1)], 1)
        assert writer.allows(one, [one])

    run_virtually(scenario())


def test_after_a_save_it_is_written_down_again() -> None:
    async def scenario() -> None:
        disk, sink = Disk(), Sink()
        writer = IntentWriter(asyncio.get_running_loop(), disk, InlineThreads(), sink)
        one = entry()
        assert not writer.allows(one, [one])
        await asyncio.sleep(0)
        disk.generation += 1
        assert not writer.allows(one, [one])
        await asyncio.sleep(0)
        assert writer.allows(one, [one])
        assert disk.written == [(1, 1), (2, 1)]

    run_virtually(scenario())


def test_a_disk_that_hangs_is_not_waited_for_long() -> None:
    async def scenario() -> None:
        sink, threads = Sink(), HeldThreads()
        writer = IntentWriter(asyncio.get_running_loop(), Disk(), threads, sink)
        one = entry()
        assert not writer.allows(one, [one])
        await asyncio.sleep(2)
        assert sink.told == 1
        assert writer.allows(one, [one])
        assert len(threads.work) == 1, "and nothing more is put before it"

    run_virtually(scenario())


def test_without_a_thread_or_without_a_place_it_is_sent_anyway() -> None:
    async def scenario() -> None:
        loop, sink = asyncio.get_running_loop(), Sink()
        one, other = entry(), entry()
        assert IntentWriter(loop, Disk(), NoThreads(), sink).allows(one, [one])
        assert IntentWriter(loop, None, HeldThreads(), sink).allows(other, [other])
        assert sink.told == 0

    run_virtually(scenario())


def test_an_entry_that_still_waits_when_threads_are_back_is_written_down() -> None:
    """journald was away meanwhile: a kill between two entries must not leave a wrong last word."""

    class NoThreadAtFirst(InlineThreads):
        refused = False

        def start(self, work: Callable[[], None], name: str) -> None:
            if not self.refused:
                self.refused = True
                raise NoThreadError("can't start new thread")
            super().start(work, name)

    async def scenario() -> None:
        disk, one = Disk(), entry()
        writer = IntentWriter(asyncio.get_running_loop(), disk, NoThreadAtFirst(), Sink())
        assert writer.allows(one, [one])
        assert not writer.allows(one, [one])
        await asyncio.sleep(0)
        assert disk.written == [(1, 1)]
        assert writer.allows(one, [one])

    run_virtually(scenario())


def test_stopped_it_tells_nobody() -> None:
    async def scenario() -> None:
        sink, threads = Sink(), HeldThreads()
        writer = IntentWriter(asyncio.get_running_loop(), Disk(), threads, sink)
        one = entry()
        assert not writer.allows(one, [one])
        writer.stop()
        [work] = threads.work
        work()
        await asyncio.sleep(10)
        assert sink.told == 0
        assert writer.allows(one, [one])

    run_virtually(scenario())
