"""lowatch.resolve.crosscheck and its schedule: one thread, however long getaddrinfo takes."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from lowatch.core.addresses import parse_address
from lowatch.resolve import crosscheck
from lowatch.resolve.crosscheck import CrossCheck, LookupThread, Seen, look_up
from lowatch.resolve.crosscheck_schedule import CrossCheckSchedule
from tests.support.aio import run_async
from tests.support.name_service import child, no_lookup_left, write_etc
from tests.support.netns import Netns


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    yield
    no_lookup_left()


HERE = Seen((parse_address("192.0.2.1"),))


def drive(
    schedule: CrossCheckSchedule, start: float, end: float, doubtful: frozenset[str] = frozenset()
) -> list[tuple[float, str]]:
    """Ask whenever somebody is due: [(when, whom)]."""
    asked: list[tuple[float, str]] = []
    now, seen = start, set[str]()
    while (now := max(now, schedule.due())) < end:
        name = schedule.next(now)
        if name is not None:
            asked.append((now, name))
            newly = name in doubtful and name not in seen
            schedule.asked(name, now, newly_doubtful=newly, doubtful=name in doubtful)
            seen.add(name)
    return asked


def times(asked: list[tuple[float, str]], name: str) -> list[float]:
    return [round(at, 3) for at, one in asked if one == name]


def test_one_a_second_round_and_round() -> None:
    asked = drive(CrossCheckSchedule({"a": 1, "b": 2, "c": 3}, phase=0.4), 0, 6.5)
    assert [name for _, name in asked[:4]] == ["b", "c", "a", "b"]
    assert all(later - at >= 1 for (at, _), (later, _) in pairwise(asked))


def test_srv_names_are_left_out() -> None:
    schedule = CrossCheckSchedule(["_http._tcp.example.com", "www.example.com"])
    schedule.watch_closely(["_http._tcp.example.com"], 0)
    assert {name for _, name in drive(schedule, 0, 5)} == {"www.example.com"}


def test_what_leads_here_comes_first_and_every_minute() -> None:
    schedule = CrossCheckSchedule([f"n{number}" for number in range(200)])
    schedule.watch_closely(["n77", "n78"], 0)
    asked = drive(schedule, 0, 130)
    assert {name for _, name in asked[:2]} == {"n77", "n78"}
    assert times(asked, "n77") == pytest.approx([0, 60, 120], abs=1)
    schedule.watch_also("n99", 130)
    assert drive(schedule, 130, 131)[0] == (130, "n99")


def test_a_disagreement_is_looked_at_again_soon_and_then_every_minute() -> None:
    schedule = CrossCheckSchedule([f"n{number}" for number in range(1000)])
    asked = drive(schedule, 0, 200, doubtful=frozenset({"n3"}))
    assert times(asked, "n3") == pytest.approx([3, 18, 78, 138, 198], abs=1)


def test_what_changes_is_asked_about_again_at_once() -> None:
    schedule = CrossCheckSchedule([f"n{number}" for number in range(1000)])
    schedule.watch_closely(["n77"], 0)
    assert times(drive(schedule, 0, 5), "n77") == [0]
    schedule.ask_soon("n77", 5)
    schedule.ask_soon("nobody", 5)
    assert times(drive(schedule, 5, 80), "n77") == pytest.approx([5, 65], abs=0.1)


def test_never_more_than_ten_a_second_and_nobody_starves() -> None:
    names = [f"n{number}" for number in range(2000)]
    schedule = CrossCheckSchedule(names)
    schedule.watch_closely(names[:1000], 0)
    asked = drive(schedule, 0, 240)
    assert len(asked) <= 2401
    gaps = [times(asked, name) for name in names[:1000]]
    assert all(len(at) >= 2 and at[1] - at[0] < 130 for at in gaps)
    assert len({name for _, name in asked} & set(names[1000:])) > 100


def test_names_that_are_no_longer_followed_are_forgotten() -> None:
    schedule = CrossCheckSchedule(["a", "b"])
    schedule.watch_closely(["a"], 0)
    schedule.replace_domains(["b"])
    assert {name for _, name in drive(schedule, 0, 100)} == {"b"}
    assert set(schedule.close) == set()
    schedule.replace_domains([])
    assert schedule.due() == float("inf")


def test_where_everything_leads_here_the_round_costs_nothing() -> None:
    names = dict.fromkeys(f"n{number}" for number in range(100_000))
    schedule = CrossCheckSchedule(names)
    schedule.watch_closely(names, 0)
    began = time.process_time()
    drive(schedule, 0, 100)
    assert time.process_time() - began < 0.5


class Audience:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Seen]] = []
        self.stuck: list[str] = []
        self.refused = ""
        self.news = asyncio.Event()

    def before_asking(self) -> None:
        pass

    def take_seen(self, name: str, seen: Seen, *, keep: bool = False) -> None:
        self.told.append((name, seen))
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

    def __init__(self) -> None:
        self.open = threading.Event()
        self.threads: set[int] = set()
        self.names: list[str] = []

    def __call__(self, name: str) -> Seen:
        self.threads.add(threading.get_ident())
        self.names.append(name)
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


def now() -> float:
    return asyncio.get_running_loop().time()


def test_it_follows_the_schedule_in_one_thread_that_ends_with_it() -> None:
    async def scenario() -> None:
        audience, gate = Audience(), Gate()
        gate.open.set()
        schedule = CrossCheckSchedule(["a"])
        async with following(CrossCheck(schedule, now, audience, LookupThread(gate))):
            await audience.until(lambda: bool(audience.told))
        assert audience.told == [("a", HERE)]
        assert len(gate.threads) == 1

    run_async(scenario())


def test_a_hung_lookup_is_unknown_then_stuck_and_its_late_answer_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crosscheck, "DEADLINE", 0.05)
    monkeypatch.setattr(crosscheck, "STUCK_AFTER", 0.05)

    async def scenario() -> None:
        audience, gate = Audience(), Gate()
        threads = threading.active_count()
        check = CrossCheck(CrossCheckSchedule(["a"]), now, audience, LookupThread(gate))
        try:
            async with following(check):
                await audience.until(lambda: bool(audience.stuck))
                await check.check(["b"], 0.05)  # finds it busy
                assert threading.active_count() == threads + 1
                gate.open.set()
                await audience.until(lambda: ("a", HERE) in audience.told)
        finally:
            gate.open.set()
        assert audience.told == [
            ("a", Seen(None, "no answer from getaddrinfo within 0.05 s")),
            ("b", Seen(None, "no answer from getaddrinfo within 0.05 s")),
            ("a", HERE),
        ]
        assert audience.stuck == ["getaddrinfo is busy with a"]
        assert gate.names == ["a"]
        assert len(gate.threads) == 1

    run_async(scenario())


def test_names_are_checked_at_once_and_what_takes_too_long_is_unknown() -> None:
    async def scenario() -> None:
        audience, gate = Audience(), Gate()
        check = CrossCheck(CrossCheckSchedule(), now, audience, LookupThread(gate))
        try:
            await check.check(["a", "b"], 0.05)
        finally:
            gate.open.set()
        unknown = Seen(None, "no answer from getaddrinfo within 0.05 s")
        assert audience.told == [("a", unknown), ("b", unknown)]
        await check.check(["b", "c"], 5)
        assert audience.told[2:] == [("b", HERE), ("c", HERE)]
        assert gate.names == ["a", "b", "c"]

    run_async(scenario())


def test_it_does_not_ask_where_that_is_refused() -> None:
    async def scenario() -> None:
        audience, gate = Audience(), Gate()
        audience.refused = "nsswitch.conf names no service"
        check = CrossCheck(CrossCheckSchedule(), now, audience, LookupThread(gate))
        await check.check(["a"], 5)
        assert audience.told == [("a", Seen(None, "nsswitch.conf names no service"))]
        assert gate.names == []

    run_async(scenario())


@pytest.mark.parametrize("name", ["absent.invalid..", "a" * 300, "x" * 64 + ".example.com", "a\0b"])
def test_what_is_no_name_is_never_an_exception(name: str) -> None:
    assert not look_up(name).addresses


_SILENT = """
import asyncio, signal, sys
from lowatch.resolve.crosscheck import CrossCheck, LookupThread, Seen
from lowatch.resolve.crosscheck_schedule import CrossCheckSchedule
class Audience:
    def before_asking(self): print("asking", flush=True)
    def take_seen(self, name, seen, keep=False): print(name, seen, flush=True)
    def lookups_stuck(self, reason): pass
    def refusal(self): return ""
async def main():
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    check = CrossCheck(CrossCheckSchedule(["www.example.com"]), loop.time, Audience(), LookupThread())
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(check.follow())
        await stop.wait()
        following.cancel()
    print("stopped", flush=True)
asyncio.run(main())
"""


def test_a_silent_nameserver_keeps_no_process_from_ending(netns: Netns, tmp_path: Path) -> None:
    """getaddrinfo waits for it for 10 s; SIGTERM is not to."""
    etc = write_etc(
        tmp_path / "etc", {"nsswitch.conf": b"hosts: dns\n", "resolv.conf": b"nameserver 127.0.0.1\n"}
    )
    silent = netns.udp("127.0.0.1", 53)
    silent.settimeout(10)
    with subprocess.Popen(child(etc, _SILENT), stdout=subprocess.PIPE, text=True) as process:
        assert silent.recv(512)[-4:] == b"\0\1\0\1"  # the question has come: the thread is waiting
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert time.monotonic() - began < 2
        assert process.stdout is not None
        assert process.stdout.read() == "asking\nstopped\n"


def test_importing_it_starts_nothing() -> None:
    code = "import threading, lowatch.resolve.crosscheck as c; c.LookupThread(); "
    command = [sys.executable, "-c", code + "print(threading.active_count())"]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True
    )
    assert done.stdout == "1\n"
