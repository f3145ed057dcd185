"""lowatch.resolve.views.crosscheck and its schedule: one thread, however long getaddrinfo takes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from lowatch.core.addresses import parse_address
from lowatch.core.limits.names import GETADDRINFO_THREADS
from lowatch.resolve.system.getaddrinfo import LookupThread, Seen
from lowatch.resolve.views import crosscheck
from lowatch.resolve.views.crosscheck import CrossCheck
from lowatch.resolve.views.crosscheck_schedule import CrossCheckSchedule
from tests.support.aio import run_async
from tests.support.name_service import no_lookup_left
from tests.support.virtual_time import LoopClock


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    yield
    no_lookup_left()


HERE = Seen((parse_address("192.0.2.1"),))


def names(count: int) -> list[str]:
    return [f"n{number}" for number in range(count)]


class Listener:
    """Remembers what it is results."""

    def __init__(self) -> None:
        self.results: list[tuple[str, Seen]] = []
        self.stuck: list[str] = []
        self.refused = ""
        self.news = asyncio.Event()

    def before_asking(self) -> None:
        pass

    def take_seen(self, name: str, seen: Seen, cost: float = 0.0, *, keep: bool = False) -> None:
        self.results.append((name, seen))
        self.news.set()

    def lookups_stuck(self, reason: str) -> None:
        self.stuck.append(reason)
        self.news.set()

    def refusal(self) -> str:
        return self.refused

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not done():
                self.news.clear()
                await self.news.wait()


class Gate:
    """A getaddrinfo that hangs until it is let go."""

    def __init__(self, hangs: str = "") -> None:
        """hangs: the name; "" for all of them."""
        self.hangs = hangs
        self.open = threading.Event()
        self.threads: set[int] = set()
        self.names: list[str] = []

    def __call__(self, name: str) -> Seen:
        self.threads.add(threading.get_ident())
        self.names.append(name)
        if self.hangs in ("", name):
            self.open.wait()
        return HERE


@asynccontextmanager
async def following(check: CrossCheck) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(check.follow())
        try:
            yield
        finally:
            task.cancel()


def test_it_follows_the_schedule_in_one_thread_that_ends_with_it() -> None:
    async def scenario() -> None:
        listener, gate = Listener(), Gate()
        gate.open.set()
        schedule = CrossCheckSchedule(["a"])
        async with following(CrossCheck(schedule, LoopClock(), listener, LookupThread(gate))):
            await listener.until(lambda: bool(listener.results))
        assert listener.results == [("a", HERE)]
        assert len(gate.threads) == 1

    run_async(scenario())


def test_a_hung_lookup_is_unknown_then_stuck_and_its_late_answer_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crosscheck, "DEADLINE", 0.05)
    monkeypatch.setattr(crosscheck, "STUCK_AFTER", 0.05)

    async def scenario() -> None:
        listener, gate = Listener(), Gate()
        threads = threading.active_count()
        check = CrossCheck(CrossCheckSchedule(["a"]), LoopClock(), listener, LookupThread(gate))
        try:
            async with following(check):
                await listener.until(lambda: bool(listener.stuck))
                assert threading.active_count() == threads + 1
                gate.open.set()
                await listener.until(lambda: ("a", HERE) in listener.results)
        finally:
            gate.open.set()
        results = [one for one in listener.results if one[0] == "a"]
        assert results == [("a", Seen(None, "no answer from getaddrinfo within 0.05 s")), ("a", HERE)]
        assert listener.stuck == ["getaddrinfo is busy with a"]
        assert gate.names == ["a"]

    run_async(scenario())


def test_names_are_checked_at_once_and_what_takes_too_long_is_unknown() -> None:
    async def scenario() -> None:
        listener, gate = Listener(), Gate(hangs="slow")
        check = CrossCheck(CrossCheckSchedule(), LoopClock(), listener, LookupThread(gate))
        try:
            await check.check(["slow", *names(100)], 0.5)
        finally:
            gate.open.set()
        unknown = Seen(None, "no answer from getaddrinfo within 0.5 s")
        assert dict(listener.results) == {**dict.fromkeys(names(100), HERE), "slow": unknown}
        assert len(gate.threads) <= GETADDRINFO_THREADS.value

    run_async(scenario())


def test_no_thread_to_be_had_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)

    async def scenario() -> None:
        listener = Listener()
        await CrossCheck(CrossCheckSchedule(), LoopClock(), listener).check(["a"], 5)
        ((name, seen),) = listener.results
        assert (name, seen.addresses) == ("a", None)
        assert "can't start new thread" in seen.reason

    run_async(scenario())


def test_it_does_not_ask_where_that_is_refused() -> None:
    async def scenario() -> None:
        listener, gate = Listener(), Gate()
        listener.refused = "nsswitch.conf names no service"
        check = CrossCheck(CrossCheckSchedule(), LoopClock(), listener, LookupThread(gate))
        await check.check(["a"], 5)
        assert listener.results == [("a", Seen(None, "nsswitch.conf names no service"))]
        assert gate.names == []

    run_async(scenario())
