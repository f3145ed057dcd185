"""Slices of names: whoever comes or goes disturbs its own slice alone, and nobody is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lowatch.app.stable_chunks import Slices


def slices(size: int, *names: str) -> Slices[str]:
    held: Slices[str] = Slices(size)
    held.hold(set(names))
    for number, one in enumerate(held):
        one.seen = f"seen {number}"
    return held


def shown(held: Slices[str]) -> list[tuple[str, str | None]]:
    return [("".join(one.names), one.seen) for one in held]


def test_what_stays_is_as_it_was_seen() -> None:
    held = slices(2, *"abcde")
    held.hold(set("edcba"))
    assert shown(held) == [("ab", "seen 0"), ("cd", "seen 1"), ("e", "seen 2")]


def test_one_that_goes_leaves_the_others_where_they_are() -> None:
    held = slices(2, *"abcdef")
    held.hold(set("bcdef"))
    assert shown(held) == [("b", None), ("cd", "seen 1"), ("ef", "seen 2")]


def test_one_that_comes_is_put_where_there_is_room() -> None:
    held = slices(2, *"abcdef")
    held.hold(set("abdefx"))
    assert shown(held) == [("ab", "seen 0"), ("dx", None), ("ef", "seen 2")]
    held.hold(set("abdefxyz"))
    assert shown(held)[3:] == [("yz", None)]


def test_of_another_size_they_begin_anew() -> None:
    held = slices(2, *"abcd")
    held.resize(2)
    assert shown(held) == [("ab", "seen 0"), ("cd", "seen 1")]
    held.resize(3)
    held.hold(set("abcd"))
    assert shown(held) == [("abc", None), ("d", None)]


def test_what_is_left_of_many_slices_is_put_together() -> None:
    held = slices(4, *"abcdefghijklmnop")
    held.hold(set("aeim"))
    assert shown(held) == [("aeim", None)]
    held.hold(set())
    assert shown(held) == []


@given(st.lists(st.sets(st.integers(0, 30).map(str))), st.integers(1, 5))
def test_each_name_is_in_one_slice(steps: list[set[str]], size: int) -> None:
    held: Slices[str] = Slices(size)
    for names in steps:
        before = {id(one): list(one.names) for one in held}
        for one in held:
            one.seen = "seen"
        held.hold(names)
        listed = [name for one in held for name in one.names]
        assert sorted(listed) == sorted(names)
        assert all(0 < len(one.names) <= size for one in held)
        for one in held:
            assert one.seen is None or one.names == before[id(one)]
