"""What puts everything back, given what is there; tests/netns/test_clean.py has the kernel do it."""

from __future__ import annotations

from lowatch.core.changes.putting_back import mending, putting_back
from lowatch.core.changes.undo import Act, Entry
from tests.unit.core.changes.row_samples import (
    A6,
    B6,
    C6,
    NOTHING,
    A,
    B,
    C,
    address,
    route,
    stand_in,
    state,
)


def test_only_what_is_missing_is_added() -> None:
    undo = NOTHING._replace(entries=(Entry("removed", A), Entry("removed", B), Entry("kept", C)))
    assert putting_back(undo, state(B)) == [Act("add", A)]
    assert putting_back(undo, state(A, B)) == []


def test_what_was_added_goes_once_what_it_stood_for_is_back() -> None:
    wide = address("192.0.2.11/24")
    undo = NOTHING._replace(entries=(Entry("removed", wide), Entry("added", B)))
    assert putting_back(undo, state(B)) == [Act("add", wide), Act("delete", B)]
    assert putting_back(undo, state(wide, B)) == [Act("delete", B)]
    gone = NOTHING._replace(entries=(Entry("kept", wide), Entry("added", B)))
    assert putting_back(gone, state(B)) == []  # somebody else has deleted it since


def test_the_oldest_ipv6_address_is_added_first() -> None:
    undo = NOTHING._replace(entries=(Entry("removed", A6), Entry("kept", B6), Entry("removed", C6)))
    assert putting_back(undo, state(B6)) == [Act("add", C6), Act("add", A6)]


def test_routes_are_added_before_or_after_those_that_stayed() -> None:
    first, second, third = (route("192.0.2.0/24", number) for number in (66, 67, 68))
    undo = NOTHING._replace(
        entries=(Entry("removed", first), Entry("kept", second), Entry("removed", third))
    )
    assert putting_back(undo, state(second)) == [Act("prepend", first), Act("add", third)]
    all_gone = NOTHING._replace(entries=(Entry("removed", first), Entry("removed", second)))
    assert putting_back(all_gone, state()) == [Act("add", first), Act("add", second)]


def test_an_undo_that_was_interrupted_is_continued() -> None:
    undo = NOTHING._replace(entries=(Entry("removed", A), Entry("kept", B)))
    assert putting_back(undo, state(A, stand_in(B))) == [Act("add", B)]


def test_a_route_gets_back_the_source_that_it_lost() -> None:
    prefers = route("2001:db8:9::/48", source=A6.address)
    undo = NOTHING._replace(entries=(Entry("kept", prefers),))
    lost = prefers._replace(source=None)
    assert mending(undo, state(lost)) == [Act("replace", prefers)]
    assert mending(undo, state(prefers)) == []
    assert mending(undo, state(lost, lost._replace(protocol=3))) == []  # the other might be replaced
    odd = prefers._replace(others=(("RTA_MULTIPATH", ""),))
    assert mending(NOTHING._replace(entries=(Entry("kept", odd),)), state(odd._replace(source=None))) == []
