"""What an undo records, and what is different from it."""

from __future__ import annotations

from lowatch.core.changes.rows import F_SECONDARY
from lowatch.core.changes.undo import Act, Entry, differences, recorded
from tests.unit.core.changes.row_samples import (
    A6,
    C6,
    NOTHING,
    A,
    B,
    C,
    route,
    state,
)


def test_what_is_recorded_is_all_of_an_interface_and_family_in_order() -> None:
    undo = recorded(NOTHING, state(A, B, C6), [Entry("removed", B)])
    assert undo.entries == (Entry("kept", A), Entry("removed", B))
    more = recorded(undo, state(A, B, C6), [Entry("added", C), Entry("removed", A)])
    assert more.entries == (Entry("removed", A), Entry("removed", B), Entry("added", C))
    assert recorded(more, state(A, B, C6), [Entry("removed", C)]) == more  # it was added before
    assert recorded(more, state(A, B, C6), [Entry("removed", A)]) == more


def test_a_secondary_that_was_promoted_meanwhile_is_the_same_address() -> None:
    secondary = B._replace(flags=F_SECONDARY)
    undo = recorded(NOTHING, state(A, secondary), [Entry("removed", B)])
    assert undo.entries == (Entry("kept", A), Entry("removed", secondary))


def test_routes_are_recorded_with_those_like_them() -> None:
    one, other, apart = route("192.0.2.0/24"), route("192.0.2.0/24", 67), route("192.0.2.10/32")
    undo = recorded(NOTHING, state(one, other, apart), [Entry("removed", other)])
    assert undo.entries == (Entry("kept", one), Entry("removed", other))


def test_differences_are_named() -> None:
    one = route("192.0.2.0/24")
    undo = NOTHING._replace(
        entries=(Entry("removed", A), Entry("kept", B), Entry("removed", one), Entry("added", C))
    )
    assert differences(undo, state(A, B, one)) == []
    assert differences(undo, state(B, A, one)) == ["the addresses of lo are in another order"]
    assert differences(undo, state(A, C)) == [
        "192.0.2.11/32 dev lo is missing",
        "192.0.2.12/32 dev lo is new",
        "the route 192.0.2.0/24 dev lo table 255 is missing",
    ]
    assert differences(undo, state(A, B._replace(scope=253), one)) == [
        "192.0.2.11/32 dev lo has other attributes"
    ]
    other = route("192.0.2.0/24", 67)
    two = undo._replace(entries=(Entry("removed", one), Entry("kept", other)))
    assert differences(two, state(other, one)) == ["the routes 192.0.2.0/24 are in another order"]


def test_each_list_of_addresses_is_compared_on_its_own() -> None:
    rows = (A, A6, C6)
    undo = NOTHING._replace(entries=tuple(Entry("kept", row) for row in rows))
    assert differences(undo, state(C6, A6)) == [
        "192.0.2.10/32 dev lo is missing",
        "the addresses of lo are in another order",
    ]


def test_acts_read_like_commands() -> None:
    assert str(Act("add", A)) == "add 192.0.2.10/32 dev lo"
    assert str(Act("prepend", route("192.0.2.0/24"))) == "add route 192.0.2.0/24 dev lo table 255"


def test_what_depends_on_an_address_is_recorded_with_it() -> None:
    own, like = route("2001:db8::/64", 2, priority=256), route("2001:db8::/64", 66, priority=256)
    prefers = route("2001:db8:9::/48", source=A6.address)
    wide = A6._replace(prefixlen=64)
    undo = recorded(NOTHING, state(wide, own, like, prefers), [Entry("removed", wide)])
    assert undo.routes == [prefers, own, like]
    alone = recorded(NOTHING, state(wide, own), [Entry("removed", wide)])
    assert alone.routes == []  # it comes back with its address
