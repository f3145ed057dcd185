"""An alert that was being delivered when the process was killed is announced again by the next start."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from lowatch.core.clock import Now
from lowatch.core.lifecycle import (
    FindingState,
    Tracked,
    revive,
)
from lowatch.core.limits.files import INTENT_BYTES
from lowatch.core.policy import Policy
from lowatch.service.journal import intent_writer
from lowatch.service.journal.sink import JournalSink
from lowatch.service.state_file import StateFile
from tests.support.aio import run_async

from .fake_journald import NOW, Journald, Sink, alarm


def files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_what_was_intended_is_doubtful_at_the_next_start(tmp_path: Path) -> None:
    store = StateFile(tmp_path)
    store.save({"x": alarm(1)})
    store.intend([alarm(2), replace(alarm(1), state=FindingState.RESOLVED)], store.generation)
    found = {one.finding.subject.domain: one for one in StateFile(tmp_path).load()}
    assert {name: (one.announced, one.delivery_unknown) for name, one in found.items()} == {
        "1": (True, True),
        "2": (True, True),
    }
    assert all(one.delivery_unknown for one in revive(found.values(), Now(0.0, 0.0), Policy()).values())


def test_a_save_covers_what_was_intended_before_it_was_looked_at(tmp_path: Path) -> None:
    store = StateFile(tmp_path)
    store.intend([alarm(1)], store.generation)
    generation = store.end_generation()
    store.intend([alarm(2)], store.generation)
    store.save({"x": alarm(1)}, generation)
    found = {one.finding.subject.domain: one.delivery_unknown for one in StateFile(tmp_path).load()}
    assert found == {"1": False, "2": True}
    store.save({"x": alarm(1)}, store.end_generation())
    assert files(tmp_path) == ["findings.json"]


def test_a_kill_right_after_a_save_leaves_nothing_in_doubt(tmp_path: Path) -> None:
    """Although what had been intended was not removed, and although the state itself was saved before."""
    store = StateFile(tmp_path)
    store.save({"x": alarm(1)})
    store.intend([alarm(1)], store.generation)
    (left,) = tmp_path.glob("findings.told.*")
    lines = left.read_bytes()
    store.save({"x": alarm(1)}, store.end_generation())
    left.write_bytes(lines)
    again = StateFile(tmp_path)
    assert [one.delivery_unknown for one in again.load()] == [False]
    assert files(tmp_path) == ["findings.json"]


def test_what_is_intended_after_a_restart_is_no_part_of_what_was_saved_before(tmp_path: Path) -> None:
    store = StateFile(tmp_path)
    for _ in range(5):
        store.intend([alarm(1)], store.generation)
        store.save({"x": alarm(1)}, store.end_generation())
    again = StateFile(tmp_path)
    again.load()
    again.intend([alarm(2)], again.generation)
    found = {one.finding.subject.domain: one.delivery_unknown for one in StateFile(tmp_path).load()}
    assert found == {"1": False, "2": True}


def test_a_save_that_fails_forgets_nothing(tmp_path: Path) -> None:
    store = StateFile(tmp_path)
    store.intend([alarm(1)], store.generation)
    (tmp_path / "findings.json.tmp").mkdir()
    assert not store.save({"x": alarm(1)}, store.end_generation())
    assert [one.delivery_unknown for one in StateFile(tmp_path).load()] == [True]


def test_where_nothing_was_intended_a_new_generation_is_not_written(tmp_path: Path) -> None:
    store = StateFile(tmp_path)
    store.save({"x": alarm(1)}, store.end_generation())
    with (tmp_path / "findings.json").open() as before:  # its inode is not used again meanwhile
        store.save({"x": alarm(1)}, store.end_generation())
        assert os.fstat(before.fileno()).st_nlink == 1


def test_the_next_start_counts_on(tmp_path: Path) -> None:
    """Else its first save would not forget what the last process had intended."""
    store = StateFile(tmp_path)
    for _ in range(5):
        store.end_generation()
    store.intend([alarm(1)], store.generation)
    again = StateFile(tmp_path)
    assert again.generation > store.generation
    again.save({}, again.end_generation())
    assert files(tmp_path) == ["findings.json"]


def test_doubt_outlives_another_kill(tmp_path: Path) -> None:
    store = StateFile(tmp_path)
    store.intend([alarm(1)], store.generation)
    again = StateFile(tmp_path)
    tracked = revive(again.load(), Now(0.0, 0.0), Policy())
    again.save(tracked, again.end_generation())
    (one,) = StateFile(tmp_path).load()
    assert (one.announced, one.delivery_unknown) == (True, True)


def test_a_line_that_was_cut_off_and_one_that_is_damaged_cost_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = StateFile(tmp_path)
    store.intend([alarm(1)], store.generation)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(b"not json\n" + whole + whole[:-20])
    assert [one.finding.subject.domain for one in StateFile(tmp_path).load()] == ["1"]
    assert len(caplog.messages) == 1


def test_it_does_not_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(INTENT_BYTES, "value", 2000)
    store, before = StateFile(tmp_path), INTENT_BYTES.times
    for number in range(20):
        store.intend([alarm(number)], store.generation)
    (file,) = tmp_path.iterdir()
    assert file.stat().st_size <= 2000
    assert INTENT_BYTES.times > before
    assert StateFile(tmp_path).load()


def test_without_a_directory_nothing_is_kept() -> None:
    store = StateFile(None)
    store.intend([alarm(1)], store.generation)
    assert store.save({}, store.end_generation())
    assert store.load() == []


class Disk:
    """Takes what is intended when it is let to."""

    def __init__(self) -> None:
        self.generation = 1
        self.free = threading.Event()
        self.taken: list[Tracked] = []

    def intend(self, findings: Iterable[Tracked], generation: int) -> None:
        assert self.free.wait(60)
        self.taken += findings


def test_nothing_is_sent_before_it_is_written_down(tmp_path: Path) -> None:
    async def scenario() -> None:
        journald, disk = Journald(tmp_path / "socket"), Disk()
        sink = Sink(journald.path, intents=disk)
        sink.announce(1, 2)
        await asyncio.sleep(0.1)
        assert journald.read() == []
        assert len(sink.inner.undelivered()) == 2
        disk.free.set()
        assert await journald.read_until(lambda got: len(got) == 2) == [1, 2]
        assert [one.finding.subject.domain for one in disk.taken] == ["1", "2"]
        sink.close()
        journald.disappear()

    run_async(scenario())


def test_a_disk_that_hangs_holds_no_alert_up_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intent_writer, "_WRITTEN_WITHIN", 0.1)

    async def scenario() -> None:
        journald, disk = Journald(tmp_path / "socket"), Disk()
        sink = Sink(journald.path, intents=disk)
        sink.announce(1)
        assert await journald.read_until(bool) == [1]
        sink.announce(2)  # no further thread is made to hang there
        assert await journald.read_until(bool) == [2]
        disk.free.set()
        while not disk.taken:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        sink.announce(3)
        assert await journald.read_until(bool) == [3]
        assert [one.finding.subject.domain for one in disk.taken] == ["1", "3"]
        sink.close()
        journald.disappear()

    run_async(scenario())


def test_what_waited_while_the_state_was_saved_is_written_down_again(tmp_path: Path) -> None:
    """What was intended before would be forgotten, and this be told after that."""

    async def scenario() -> None:
        journald, disk = Journald(tmp_path / "socket"), Disk()
        sink = Sink(journald.path, intents=disk)
        sink.announce(1)
        disk.generation = 2
        disk.free.set()
        assert await journald.read_until(bool) == [1]
        assert [one.finding.subject.domain for one in disk.taken] == ["1", "1"]
        sink.close()
        journald.disappear()

    run_async(scenario())


def test_a_disk_that_comes_back_after_the_end_lets_nothing_go_out(tmp_path: Path) -> None:
    """What could not be sent at the end was saved as undelivered: the next run says it."""
    disk, journald = Disk(), Journald(tmp_path / "socket")
    journald.disappear()

    async def scenario() -> None:
        sink = Sink(journald.path, intents=disk)
        sink.announce(1)
        sink.inner.flush()
        journald.appear()
        disk.free.set()
        while not disk.taken:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert journald.read() == []
        assert len(sink.inner.undelivered()) == 1
        sink.close()
        journald.disappear()

    run_async(scenario())


def test_without_a_journal_all_are_shown_once_they_are_written_down(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        disk = Disk()
        sink = JournalSink(asyncio.get_running_loop(), enabled=False, intents=disk)
        for number in range(300):
            sink.announce(alarm(number), NOW)
        await asyncio.sleep(0.1)
        assert caplog.messages == []
        assert len(sink.undelivered()) == 300
        disk.free.set()
        async with asyncio.timeout(60):
            while len(caplog.messages) < 300:
                await asyncio.sleep(0.01)
        assert sink.undelivered() == []
        assert len({one.finding.subject.domain for one in disk.taken}) == 300
        sink.close()

    with caplog.at_level("INFO"):
        run_async(scenario(), 120)
