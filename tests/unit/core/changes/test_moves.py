"""The order of addresses and routes, and what is not risked for it."""

from __future__ import annotations

from lowatch.core.addresses import parse_prefix
from lowatch.core.changes.moves import Moves, moves, route_moves
from lowatch.core.changes.putting_back import stand_ins
from lowatch.core.changes.rows import F_SECONDARY, AddressRow, RouteRow
from lowatch.core.changes.undo import Act, Entry
from lowatch.core.limits.kernel import ADDRESSES_MOVED
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


def test_those_after_it_are_added_again_and_stay_local_meanwhile() -> None:
    undo = NOTHING._replace(entries=(Entry("removed", A), Entry("kept", B)))
    assert moves(undo, state(B, A)).acts == (
        Act("add", stand_in(B)),
        Act("delete", B),
        Act("add", B),
    )
    assert moves(undo, state(A, B)) == Moves()
    assert stand_ins(undo, state(A, B, stand_in(B))) == [Act("delete", stand_in(B))]
    assert stand_ins(undo, state(A, stand_in(B))) == []


def test_the_kernel_puts_a_new_ipv6_address_first() -> None:
    undo = NOTHING._replace(entries=(Entry("kept", A6), Entry("removed", B6), Entry("kept", C6)))
    assert moves(undo, state(B6, A6, C6)).acts == (
        Act("add", stand_in(A6)),
        Act("delete", A6),
        Act("add", A6),
    )


def test_secondaries_are_deleted_before_their_primary() -> None:
    primary, secondary = address("192.0.2.10/24"), address("192.0.2.11/24", flags=F_SECONDARY)
    undo = NOTHING._replace(entries=(Entry("removed", C), Entry("kept", primary), Entry("kept", secondary)))
    wide = route("192.0.2.0/24", 2, source=primary.address)
    acts = moves(undo, state(primary, C, secondary, wide)).acts
    assert [act.row for act in acts if act.do == "delete"] == [secondary, primary]
    assert [act.row for act in acts[-2:]] == [primary, secondary]
    local = [act.row.prefix for act in acts if act.do == "add" and isinstance(act.row, RouteRow)]
    assert parse_prefix("192.0.2.0/24") in local  # its prefix stays local, too


def test_what_cannot_be_moved_stays_in_another_order() -> None:
    def refused(row: AddressRow, *more: AddressRow | RouteRow) -> str:
        first = A if len(row.address) == 4 else C6
        undo = NOTHING._replace(entries=(Entry("removed", first), Entry("kept", row)))
        if first is C6:
            undo = undo._replace(entries=undo.entries[::-1])
        rows = (row, A) if first is A else (C6, row)
        return moves(undo, state(*rows, *more)).why_not

    assert "could not be restored" in refused(B._replace(others=(("attribute 40", ""),)))
    assert "is running out" in refused(B._replace(preferred=5, valid=9))
    prefers = route("2001:db8:9::/48", source=B6.address)
    assert refused(B6, prefers) == ""  # it gets its source back
    assert "prefers" in refused(B6, prefers._replace(others=(("RTA_MULTIPATH", ""),)))
    assert "prefers" in refused(B6, prefers, prefers._replace(source=None))
    wide, since = address("192.0.2.11/24"), address("192.0.2.99/24", flags=F_SECONDARY)
    assert "was added to the prefix" in refused(wide, since)


def test_too_many_are_not_moved() -> None:
    rows = [address(f"198.51.{number >> 8}.{number & 255}") for number in range(ADDRESSES_MOVED.value + 1)]
    undo = NOTHING._replace(entries=(Entry("removed", A), *(Entry("kept", row) for row in rows)))
    before = ADDRESSES_MOVED.times
    assert "more than 256 addresses" in moves(undo, state(*rows, A)).why_not
    assert ADDRESSES_MOVED.times == before + 1


def test_routes_after_the_first_are_added_again() -> None:
    first, second = route("2001:db8::/64", 2, priority=256), route("2001:db8::/64", 66, priority=256)
    undo = NOTHING._replace(entries=(Entry("kept", first), Entry("kept", second)))
    assert route_moves(undo, state(second, first)).acts == (Act("delete", second), Act("add", second))
    assert route_moves(undo, state(first, second)) == Moves()


def test_routes_that_cannot_be_added_again_stay() -> None:
    first, second = route("2001:db8::1/128"), route("2001:db8::1/128", 2)
    undo = NOTHING._replace(entries=(Entry("kept", first), Entry("kept", second)))
    moved = route_moves(undo, state(second, first))
    assert moved == Moves(why_not="the route 2001:db8::1/128 dev lo table 255 cannot be added again")
