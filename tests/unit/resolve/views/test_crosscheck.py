"""lowatch.resolve.views.crosscheck and its schedule: one thread, however long getaddrinfo takes."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lowatch.core.addresses import parse_address
from lowatch.core.limits import GETADDRINFO_THREADS
from lowatch.resolve.system.getaddrinfo import LookupThread, Seen, look_up
from lowatch.resolve.views import crosscheck
from lowatch.resolve.views.crosscheck import CrossCheck
from lowatch.resolve.views.crosscheck_schedule import (
    ALLOWANCE,
    BUDGET,
    SHARE_OF_CHANGES,
    CrossCheckSchedule,
)
from tests.support.aio import run_async
from tests.support.name_service import child, no_lookup_left, write_etc
from tests.support.netns import Netns
from tests.support.repository import ROOT


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    yield
    no_lookup_left()


HERE = Seen((parse_address("192.0.2.1"),))


COST = 0.0004
"""Seconds of CPU time of a lookup on a host of 1,000 addresses, whose names have an A and an AAAA."""


def drive(
    schedule: CrossCheckSchedule,
    start: float,
    end: float,
    doubtful: frozenset[str] = frozenset(),
    cost: float = COST,
) -> list[tuple[float, str]]:
    """Ask whenever somebody is due: [(when, whom)]."""
    asked: list[tuple[float, str]] = []
    now, seen = start, set[str]()
    while (now := max(now, schedule.due())) < end:
        name = schedule.next(now)
        if name is not None:
            asked.append((now, name))
            newly = name in doubtful and name not in seen
            schedule.asked(name, now, cost, newly_doubtful=newly, doubtful=name in doubtful)
            seen.add(name)
    return asked


def times(asked: list[tuple[float, str]], name: str) -> list[float]:
    return [round(at, 3) for at, one in asked if one == name]


def names(count: int) -> list[str]:
    return [f"n{number}" for number in range(count)]


def test_all_names_together_have_one_budget() -> None:
    """A hundred thousand of them, asked round and round for a day."""
    schedule = CrossCheckSchedule(names(100_000), phase=0.4)
    asked = drive(schedule, 0, 86_400)
    assert asked[0][1] == "n40000"
    assert len(asked) * COST <= 86_400 * BUDGET + COST
    assert len({name for _, name in asked}) == len(asked) > 20_000


def test_few_names_are_asked_about_once_a_minute() -> None:
    asked = drive(CrossCheckSchedule(["a", "b", "c"], phase=0.4), 0, 130)
    assert [name for _, name in asked[:4]] == ["b", "c", "a", "b"]
    assert times(asked, "a") == pytest.approx([8, 68, 128], abs=5)


def test_what_follows_from_what_is_known_is_verified_once_an_hour() -> None:
    schedule = CrossCheckSchedule(names(1000))
    schedule.follows = True
    schedule.lead_here(set(names(500)))
    schedule.ask_all_soon(0)
    asked = drive(schedule, 0, 7300)
    at_once = [name for at, name in asked if at < 60]
    assert set(names(500)) <= set(at_once), "once, at first"
    assert len(asked) < 500 + 2 * 1000 + 10
    assert {name for _, name in asked} == set(names(1000))


def test_srv_names_are_left_out() -> None:
    schedule = CrossCheckSchedule(["_http._tcp.example.com", "www.example.com"])
    schedule.lead_here({"_http._tcp.example.com"})
    schedule.ask_all_soon(0)
    assert {name for _, name in drive(schedule, 0, 130)} == {"www.example.com"}
    schedule.also({"target.example.com"})
    assert {name for _, name in drive(schedule, 130, 260)} == {"www.example.com", "target.example.com"}


def test_a_changed_file_has_all_asked_about_within_the_minute_those_that_lead_here_first() -> None:
    schedule = CrossCheckSchedule(names(1000))
    schedule.lead_here({"n77", "n78"})
    drive(schedule, 0, 300)
    schedule.ask_all_soon(300)
    asked = drive(schedule, 300, 360)
    assert {name for _, name in asked[:3]} >= {"n77", "n78"}
    assert {name for _, name in asked} == set(names(1000))


def test_a_changed_file_of_a_large_host_costs_no_more_than_its_allowance() -> None:
    schedule = CrossCheckSchedule(names(10_000))
    schedule.ask_all_soon(0)
    asked = drive(schedule, 0, 600, cost=0.0064)  # two addresses of one name, among 10,000 of the host's
    assert len(asked) * 0.0064 == pytest.approx(ALLOWANCE, abs=0.2)
    assert sum(at < 60 for at, _ in asked) * 0.0064 <= 60 * (SHARE_OF_CHANGES + BUDGET) + 0.0064


def test_a_disagreement_is_looked_at_again_soon_and_then_every_minute() -> None:
    schedule = CrossCheckSchedule(names(1000))
    schedule.ask_soon("n3")
    asked = drive(schedule, 0, 200, doubtful=frozenset({"n3"}))
    assert times(asked, "n3")[:4] == pytest.approx([0, 15, 75, 135], abs=15)


def test_names_that_all_fail_leave_the_others_their_turn() -> None:
    schedule = CrossCheckSchedule(names(1000))
    schedule.lead_here(set(names(500)))
    asked = drive(schedule, 0, 7200, doubtful=frozenset(names(500)))
    assert len({name for _, name in asked} & set(names(1000)[500:])) > 200


def test_what_changes_is_asked_about_again_at_once() -> None:
    schedule = CrossCheckSchedule(names(1000))
    schedule.leads_here("n77")
    assert times(drive(schedule, 0, 5), "n77")[:1] == [0]
    schedule.ask_soon("n77")
    schedule.ask_soon("nobody")
    assert times(drive(schedule, 5, 6), "n77") == [5]


def test_names_that_change_for_ever_have_a_budget_too() -> None:
    schedule = CrossCheckSchedule(names(100))
    asked = 0
    for second in range(100_000):
        for number in range(10):
            schedule.ask_soon(f"n{number}")
        asked += len(drive(schedule, second, second + 1))
    assert asked * COST <= ALLOWANCE + 2 * 100_000 * BUDGET + COST


def test_names_that_are_no_longer_followed_are_forgotten() -> None:
    schedule = CrossCheckSchedule(["a", "b"])
    schedule.lead_here({"a"})
    schedule.replace_domains(["b"])
    assert {name for _, name in drive(schedule, 0, 100)} == {"b"}
    assert set(schedule.close) == set()
    schedule.replace_domains([])
    assert schedule.due() == float("inf")


def test_where_everything_leads_here_the_round_costs_nothing() -> None:
    everybody = dict.fromkeys(names(100_000))
    schedule = CrossCheckSchedule(everybody)
    schedule.lead_here(everybody)
    began = time.process_time()
    drive(schedule, 0, 100)
    assert time.process_time() - began < 1.0


class Audience:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Seen]] = []
        self.stuck: list[str] = []
        self.refused = ""
        self.news = asyncio.Event()

    def before_asking(self) -> None:
        pass

    def take_seen(self, name: str, seen: Seen, cost: float = 0.0, *, keep: bool = False) -> None:
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
                assert threading.active_count() == threads + 1
                gate.open.set()
                await audience.until(lambda: ("a", HERE) in audience.told)
        finally:
            gate.open.set()
        told = [one for one in audience.told if one[0] == "a"]
        assert told == [("a", Seen(None, "no answer from getaddrinfo within 0.05 s")), ("a", HERE)]
        assert audience.stuck == ["getaddrinfo is busy with a"]
        assert gate.names == ["a"]

    run_async(scenario())


def test_names_are_checked_at_once_and_what_takes_too_long_is_unknown() -> None:
    async def scenario() -> None:
        audience, gate = Audience(), Gate(hangs="slow")
        check = CrossCheck(CrossCheckSchedule(), now, audience, LookupThread(gate))
        try:
            await check.check(["slow", *names(100)], 0.5)
        finally:
            gate.open.set()
        unknown = Seen(None, "no answer from getaddrinfo within 0.5 s")
        assert dict(audience.told) == {**dict.fromkeys(names(100), HERE), "slow": unknown}
        assert len(gate.threads) <= GETADDRINFO_THREADS.value

    run_async(scenario())


def test_no_thread_to_be_had_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)

    async def scenario() -> None:
        audience = Audience()
        await CrossCheck(CrossCheckSchedule(), now, audience).check(["a"], 5)
        ((name, seen),) = audience.told
        assert (name, seen.addresses) == ("a", None)
        assert "can't start new thread" in seen.reason

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
from lowatch.resolve.views.crosscheck import CrossCheck
from lowatch.resolve.system.getaddrinfo import LookupThread, Seen
from lowatch.resolve.views.crosscheck_schedule import CrossCheckSchedule
class Audience:
    def before_asking(self): print("asking", flush=True)
    def take_seen(self, name, seen, cost=0.0, keep=False): print(name, seen, flush=True)
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
        assert process.wait(8) == 0
        assert time.monotonic() - began < 8
        assert process.stdout is not None
        assert process.stdout.read() == "asking\nstopped\n"


def test_importing_it_starts_nothing() -> None:
    code = "import threading, lowatch.resolve.views.crosscheck as c; c.LookupThread(); "
    command = [sys.executable, "-c", code + "print(threading.active_count())"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
