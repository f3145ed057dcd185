"""Which name getaddrinfo is asked about next."""

from __future__ import annotations

import asyncio
import time

import pytest

from lowatch.resolve.views.crosscheck_schedule import (
    ALLOWANCE,
    BUDGET,
    SHARE_OF_CHANGES,
    CrossCheckSchedule,
)

COST = 0.0004
"""Seconds of CPU time of a lookup on a host of 1,000 addresses, whose names have an A and an AAAA."""


def drive(
    schedule: CrossCheckSchedule,
    start: float,
    end: float,
    unverified: frozenset[str] = frozenset(),
    cost: float = COST,
) -> list[tuple[float, str]]:
    """Ask whenever somebody is due: [(when, whom)]."""
    asked: list[tuple[float, str]] = []
    now, seen = start, set[str]()
    while (now := max(now, schedule.due())) < end:
        name = schedule.next(now)
        if name is not None:
            asked.append((now, name))
            newly = name in unverified and name not in seen
            schedule.record_lookup(name, now, cost, newly_unverified=newly, unverified=name in unverified)
            seen.add(name)
    return asked


def times(asked: list[tuple[float, str]], name: str) -> list[float]:
    return [round(at, 3) for at, one in asked if one == name]


def names(count: int) -> list[str]:
    return [f"n{number}" for number in range(count)]


def test_all_names_together_have_one_budget() -> None:
    """A hundred thousand of them, asked round and round for a day."""
    schedule = CrossCheckSchedule(dict.fromkeys(names(100_000)), phase=0.4)
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
    schedule.replace_follows(0, follows=True)
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
    asked = drive(schedule, 0, 200, unverified=frozenset({"n3"}))
    assert times(asked, "n3")[:4] == pytest.approx([0, 15, 75, 135], abs=15)


def test_names_that_all_fail_leave_the_others_their_turn() -> None:
    schedule = CrossCheckSchedule(names(1000))
    schedule.lead_here(set(names(500)))
    asked = drive(schedule, 0, 7200, unverified=frozenset(names(500)))
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
    assert set(schedule.here) == set()
    schedule.replace_domains([])
    assert schedule.due() == float("inf")


def test_where_everything_leads_here_the_round_costs_nothing() -> None:
    everybody = dict.fromkeys(names(100_000))
    schedule = CrossCheckSchedule(everybody)
    schedule.lead_here(everybody)
    began = time.process_time()
    drive(schedule, 0, 100)
    assert time.process_time() - began < 1.0


def now() -> float:
    return asyncio.get_running_loop().time()
