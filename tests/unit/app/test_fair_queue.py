"""lowatch.app.fair_queue: whoever has one waits for one of each other, not for all of theirs."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from lowatch.app.fair_queue import FairQueue, fewest_first

ITEMS = st.lists(st.tuples(st.sampled_from([None, "a", "b", "c"]), st.integers()))
Item = tuple[str | None, int]


def name_of(item: Item) -> str | None:
    return item[0]


def test_one_among_many() -> None:
    items: list[Item] = [("evil", number) for number in range(1000)]
    assert fewest_first([*items, ("www", 0)], name_of, 3) == [("www", 0), ("evil", 0), ("evil", 1)]
    waiting: FairQueue[Item] = FairQueue(name_of)
    waiting.extend(items)
    waiting.extend([("www", 0)])
    assert waiting.pop() == ("www", 0)


@given(ITEMS, ITEMS)
def test_each_once_and_those_of_a_name_in_order(first: list[Item], later: list[Item]) -> None:
    waiting: FairQueue[Item] = FairQueue(name_of)
    waiting.extend(first)
    taken = [waiting.pop()] if waiting else []
    waiting.extend(later)
    assert Counter([*taken, *waiting]) == Counter([*first, *later])
    while waiting:
        taken.append(waiting.pop())
    assert Counter(taken) == Counter([*first, *later])
    for name in (None, "a", "b", "c"):
        assert [one for one in taken if one[0] == name] == [
            one for one in [*first, *later] if one[0] == name
        ]


@given(ITEMS)
def test_no_name_has_a_second_turn_while_another_waits_for_its_first(items: list[Item]) -> None:
    waiting: FairQueue[Item] = FairQueue(name_of)
    waiting.extend(items)
    turns: Counter[str | None] = Counter()
    while waiting:
        left = {name for name, _ in waiting}
        name, _ = waiting.pop()
        assert turns[name] == min(turns[one] for one in left)
        turns[name] += 1


@given(ITEMS, st.integers(0, 9))
def test_so_many(items: list[Item], count: int) -> None:
    some = fewest_first(items, name_of, count)
    assert len(some) == min(count, len(items))
    of_name, taken = Counter(name for name, _ in items), Counter(name for name, _ in some)
    whole = [name for name in of_name if taken[name] == of_name[name]]
    assert all(of_name[one] <= of_name[other] for one in whole for other in of_name.keys() - set(whole))
