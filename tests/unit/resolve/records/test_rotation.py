"""rotation: what rotates, what has failed over, and what of either is remembered."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.core.addresses import Address
from lowatch.core.limits.names import ADDRESSES_HERE_PER_NAME
from lowatch.resolve.records.rotation import STEADY, Rotation, combine

TTL = 60.0
WINDOW = 3 * TTL * 1.05

Answer = tuple[Address, ...]


def of(letters: str) -> Answer:
    """`of("AB")`: an address for each letter."""
    return tuple(Address(bytes((192, 0, 2, ord(letter)))) for letter in sorted(letters))


class Name:
    """A name that is asked for again and again. told: what it has after each answer."""

    def __init__(self, step: float = TTL) -> None:
        self.step = step
        self.now = 1000.0
        self.rotation, self.has, self.told = STEADY, (), list[Answer]()

    def answer(self, latest: Answer) -> Answer:
        self.rotation, self.has = combine(
            self.rotation, self.has, latest, before_at=self.now - self.step, now=self.now, window=WINDOW
        )
        self.now += self.step
        self.told.append(self.has)
        return self.has

    rotation: Rotation
    has: Answer


def told(answers: Iterable[Answer], step: float = TTL) -> list[Answer]:
    name = Name(step)
    return [name.answer(answer) for answer in answers]


@pytest.mark.parametrize(
    ("answers", "has"),
    [
        ("R V", "R V"),
        ("R V R", "R V R"),
        ("R R R V V V R R R", "R R R V V V R R R"),
        ("R V R R V V", "R V R R RV V"),
        ("R V R R R V V", "R V R R R V V"),
        ("R V R V", "R V R RV"),
        ("R V R V V V", "R V R RV RV V"),
        ("R V R V R V V V V V V", "R V R RV RV RV RV RV V V V"),
        ("AB A AB A AB A", "AB A AB A AB A"),
        ("ABV ABR ABV ABV", "ABV ABR ABV ABV"),
        ("ABV ABR ABV ABR", "ABV ABR ABV ABRV"),
        ("A B C A B C A", "A B C A ABC ABC ABC"),
        ("AB BC CD", "AB BC CD"),
        ("AB BC CA AB BC", "AB BC CA ABC ABC"),
        ("AB CD EF GH", "AB CD EF GH"),
    ],
)
def test_table(answers: str, has: str) -> None:
    assert told(map(of, answers.split())) == [of(letters) for letters in has.split()]


def test_a_failback_hours_later_is_none() -> None:
    assert told([of("R"), of("V")] * 4, step=3600.0) == [of("R"), of("V")] * 4


@pytest.mark.parametrize("seed", range(8))
def test_a_real_rotation_keeps_all_that_came_within_its_window(seed: int) -> None:
    """Once it is known for one, that is, and for as long as it goes on."""
    for answers in rotations(random.Random(seed)):
        drawn = list(islice(answers, 200))
        for at, has in list(enumerate(told(drawn)))[20:]:
            assert set(has) == {address for answer in drawn[at - 3 : at + 1] for address in answer}


def rotations(draw: random.Random) -> Iterator[Iterator[Answer]]:
    """By turns, and at random: k of n."""
    yield cycle([of("A"), of("B"), of("C")])
    yield cycle([of("AB"), of("CD"), of("EF")])
    yield cycle([of("ABC"), of("BCD"), of("CDE"), of("DEA"), of("EAB")])
    for n, k in ((4, 2), (6, 3), (8, 4), (8, 6)):
        pool = "ABCDEFGH"[:n]
        yield (of("".join(draw.sample(pool, k))) for _ in cycle([0]))


def test_two_that_are_drawn_at_random_seldom_look_like_one() -> None:
    draw = random.Random(7)
    has = told(of(draw.choice("AB")) for _ in range(2000))
    assert has.count(of("AB")) > 1500


def test_what_is_weighted_to_the_hilt_is_as_it_was_last_said_to_be() -> None:
    draw = random.Random(7)
    answers = [of("B" if draw.random() < 0.03 else "A") for _ in range(1000)]
    wrong = sum(has != answer for has, answer in zip(told(answers), answers, strict=True))
    assert wrong < 50


@pytest.mark.parametrize("before", ["A", "AB", "ABC"])
def test_a_failover_out_of_a_rotation_counts_when_its_window_is_over(before: str) -> None:
    rotating = [of(letters) for letters in before] * 6
    has = told([*rotating, *[of("V")] * 4])
    assert has[-1] == of("V")


SETS = st.sets(st.sampled_from("ABCDEF"), min_size=1).map(lambda letters: of("".join(letters)))


@given(st.lists(st.tuples(SETS, st.floats(1.0, 400.0)), max_size=40))
def test_it_misses_nothing_that_is_said_and_keeps_nothing_beyond_its_window(
    story: Sequence[tuple[Answer, float]],
) -> None:
    rotation, has, at = STEADY, of(""), 0.0
    now, last_seen = 1000.0, dict[Address, float]()
    for answer, wait in story:
        rotation, has = combine(rotation, has, answer, before_at=at, now=now, window=WINDOW)
        last_seen.update(dict.fromkeys(answer, now))
        assert set(answer) <= set(has)
        assert list(has) == sorted(set(has))
        assert all(now - last_seen[address] <= WINDOW for address in has)
        assert set(has) == set(answer) or rotation.is_proven
        at, now = now, now + wait


@given(SETS, SETS, st.integers(1, 5), st.integers(1, 5))
def test_there_and_back_and_then_peace_is_reported_as_it_is(
    here: Answer, there: Answer, n: int, m: int
) -> None:
    answers = [here] * n + [there] * m + [here] * 6
    assert told(answers) == answers


def test_what_changes_wholly_each_time_does_not_grow() -> None:
    name, most = Name(), ADDRESSES_HERE_PER_NAME.value
    for turn in range(40):
        first = turn % 7 * most
        count = most if turn % 2 else most // 2
        name.answer(tuple(Address(n.to_bytes(4, "big")) for n in range(first, first + count)))
        assert len(name.has) <= most
        assert len(name.rotation.missing) <= most
