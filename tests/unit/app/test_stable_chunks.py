"""Chunks of names: one that comes or goes disturbs its own chunk only, and none is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lowatch.app.stable_chunks import StableChunks


def chunks(size: int, *names: str) -> StableChunks[str]:
    held: StableChunks[str] = StableChunks(size)
    held.replace_names(set(names))
    for number, one in enumerate(held):
        one.seen = f"seen {number}"
    return held


def shown(held: StableChunks[str]) -> list[tuple[str, str | None]]:
    return [("".join(one.names), one.seen) for one in held]


def test_what_stays_is_as_it_was_seen() -> None:
    held = chunks(2, *"abcde")
    held.replace_names(set("edcba"))
    assert shown(held) == [("ab", "seen 0"), ("cd", "seen 1"), ("e", "seen 2")]


def test_one_that_goes_leaves_the_others_where_they_are() -> None:
    held = chunks(2, *"abcdef")
    held.replace_names(set("bcdef"))
    assert shown(held) == [("b", None), ("cd", "seen 1"), ("ef", "seen 2")]


def test_one_that_comes_is_put_where_there_is_room() -> None:
    held = chunks(2, *"abcdef")
    held.replace_names(set("abdefx"))
    assert shown(held) == [("ab", "seen 0"), ("dx", None), ("ef", "seen 2")]
    held.replace_names(set("abdefxyz"))
    assert shown(held)[3:] == [("yz", None)]


def test_of_another_size_they_begin_anew() -> None:
    held = chunks(2, *"abcd")
    held.resize(2)
    assert shown(held) == [("ab", "seen 0"), ("cd", "seen 1")]
    held.resize(3)
    held.replace_names(set("abcd"))
    assert shown(held) == [("abc", None), ("d", None)]


def test_what_is_left_of_many_chunks_is_put_together() -> None:
    held = chunks(4, *"abcdefghijklmnop")
    held.replace_names(set("aeim"))
    assert shown(held) == [("aeim", None)]
    held.replace_names(set())
    assert shown(held) == []


@given(st.lists(st.sets(st.integers(0, 30).map(str))), st.integers(1, 5))
def test_each_name_is_in_one_slice(steps: list[set[str]], size: int) -> None:
    held: StableChunks[str] = StableChunks(size)
    for names in steps:
        before = {id(one): list(one.names) for one in held}
        for one in held:
            one.seen = "seen"
        held.replace_names(names)
        listed = [name for one in held for name in one.names]
        assert sorted(listed) == sorted(names)
        assert all(0 < len(one.names) <= size for one in held)
        for one in held:
            assert one.seen is None or one.names == before[id(one)]
