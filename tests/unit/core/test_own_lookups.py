"""For how long a lookup of our own is known as such."""

from __future__ import annotations

from lowatch.core.own_lookups import OwnLookups

WWW, SHOP = b"\3www\0", b"\4shop\0"


def test_a_name_is_our_own_for_three_seconds_at_least_and_for_six_at_most() -> None:
    own = OwnLookups()
    own.asking([WWW], 100.0)
    assert own.has(WWW, 100.0)
    assert not own.has(SHOP, 100.0)
    own.asking([SHOP], 102.9)
    assert own.has(WWW, 103.0)
    assert own.has(SHOP, 105.9)
    assert not own.has(WWW, 106.1)
    assert not own.has(SHOP, 109.0)


def test_after_a_long_pause_nothing_is() -> None:
    own = OwnLookups()
    own.asking([WWW], 100.0)
    assert not own.has(WWW, 106.0)
