"""Which slots rest, and for how long."""

from __future__ import annotations

import pytest

from lowatch.resolve.records.far_slots import (
    RESTING,
    SETTLED_AFTER_ADDRESS,
    SETTLED_AFTER_START,
    STEADY_ANSWERS,
    FarSlots,
)
from lowatch.resolve.records.name_table import NameTable
from lowatch.resolve.records.slots import a_slot, aaaa_slot

NAMES = ["a.test", "b.test", "_x._tcp.test"]
START, FAR, TTL = 1000.0, 3600.0, 61.0
LATER = START + SETTLED_AFTER_START


@pytest.fixture
def names() -> NameTable:
    table = NameTable()
    table.configure(NAMES)
    return table


@pytest.fixture
def far(names: NameTable) -> FarSlots:
    slots = FarSlots(names, START)
    slots.far_ttl = FAR
    return slots


def answer(far: FarSlots, slot: int, times: int, now: float = LATER, jitter: float = 0.5) -> float:
    """The seconds until it is asked for again, after so many equal answers."""
    for _ in range(times):
        due = far.due(slot, now + TTL, now, jitter)
    return due - now


def test_it_rests_after_three_equal_answers_at_a_random_time(far: FarSlots) -> None:
    assert answer(far, 0, STEADY_ANSWERS - 1) == TTL
    assert answer(far, 0, 1, jitter=0.25) == TTL + 0.25 * (FAR - TTL)
    assert far.is_resting(0)
    assert answer(far, 0, 1, jitter=0.0) == FAR
    assert answer(far, 0, 1, jitter=0.999) == pytest.approx(0.95 * FAR, rel=0.001)


@pytest.mark.parametrize("jitter", [0.0, 0.999])
def test_never_later_than_far_ttl_or_its_ttl(far: FarSlots, jitter: float) -> None:
    for _ in range(10):
        assert TTL <= answer(far, 0, 1, jitter=jitter) <= FAR


def test_another_answer_counts_as_the_first(far: FarSlots) -> None:
    answer(far, 0, 5)
    far.stir(0, 1)
    assert answer(far, 0, STEADY_ANSWERS - 2) == TTL
    assert answer(far, 0, 1) > TTL


def test_a_failure_counts_as_none(far: FarSlots) -> None:
    answer(far, 0, 5)
    far.stir(0)
    assert answer(far, 0, STEADY_ANSWERS - 1) == TTL
    assert answer(far, 0, 1) > TTL


def test_nothing_rests_soon_after_the_start_or_an_address(far: FarSlots) -> None:
    assert answer(far, 0, 9, now=LATER - 1) == TTL
    assert answer(far, 0, 9) > TTL
    far.address_added(LATER, v4=True, v6=False)
    assert answer(far, 0, 9, now=LATER + SETTLED_AFTER_ADDRESS - 1) == TTL
    assert not far.is_resting(0)
    assert answer(far, 0, 9, now=LATER + SETTLED_AFTER_ADDRESS) > TTL


def test_a_name_that_leads_here_does_not_rest(names: NameTable, far: FarSlots) -> None:
    answer(far, 0, 9)
    names.keep_near(0)
    assert answer(far, 0, 9) == TTL
    assert answer(far, 1, 9) == TTL
    assert not far.is_resting(0)
    assert answer(far, 2, 9) > TTL


def test_off_nothing_rests(far: FarSlots) -> None:
    far.far_ttl = 0.0
    assert answer(far, 0, 9) == TTL
    assert not far.is_resting(0)


def test_what_rested_is_taken_once_each_a_before_any_aaaa(far: FarSlots) -> None:
    resting = [a_slot(0), aaaa_slot(0), aaaa_slot(1), a_slot(2)]
    for slot in resting:
        answer(far, slot, 9)
    assert not far.waking
    far.address_added(LATER, v4=True, v6=True)
    assert far.waking
    assert [*far.take(1), *far.take(1), *far.take(9)] == [a_slot(0), a_slot(2), aaaa_slot(0), aaaa_slot(1)]
    assert not far.waking
    assert far.take(9) == []


def test_looking_again_lets_others_rest_meanwhile(far: FarSlots) -> None:
    answer(far, 0, 9)
    far.look_again(v4=True, v6=True)
    assert far.take(9) == [0]
    assert answer(far, 0, 9) > TTL


@pytest.mark.parametrize(("v4", "v6", "taken"), [(True, False, [0, 4]), (False, True, [1, 3, 4])])
def test_only_a_family_is_taken_and_srv_names(far: FarSlots, v4: bool, v6: bool, taken: list[int]) -> None:
    for slot in range(5):
        answer(far, slot, 9)
    far.stir(2, 1)
    far.address_added(LATER, v4=v4, v6=v6)
    assert sorted(far.take(9)) == taken


def test_another_address_while_some_are_taken(far: FarSlots) -> None:
    for slot in range(4):
        answer(far, slot, 9)
    far.address_added(LATER, v4=True, v6=False)
    assert far.take(1) == [0]
    far.address_added(LATER, v4=False, v6=True)
    assert [*far.take(9)] == [2, 1, 3]


def test_all_are_stirred(names: NameTable, far: FarSlots) -> None:
    answer(far, 0, 9)
    far.address_added(LATER, v4=True, v6=False)
    far.stir_all(LATER)
    assert not far.waking
    assert answer(far, 0, 9, now=LATER + 1) == TTL
    assert answer(far, 0, 9, now=LATER + SETTLED_AFTER_ADDRESS) > TTL


def test_a_number_that_is_used_again_begins_anew(names: NameTable, far: FarSlots) -> None:
    answer(far, 0, 9)
    names.keep_near(0)
    names.configure(NAMES[1:])
    names.release(0)
    names.configure(["new.test", *NAMES[1:]])
    assert not names.is_near(0)
    assert names.slots.calm[0] == 0 != RESTING
