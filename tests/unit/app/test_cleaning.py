"""Cleaning: the undo is saved first, and any surprise stops it."""

from __future__ import annotations

import pytest

from lowatch.app.cleaning import Cleaning, StoppedError
from lowatch.core.addresses import parse_address, parse_prefix
from lowatch.core.changes.rows import AddressRow, RouteRow
from lowatch.core.changes.undo import Entry, Undo
from lowatch.core.held import Held
from lowatch.core.plan import Plan, Step
from tests.unit.app.table_kernel import TableKernel

A, B, C = (AddressRow("lo", parse_address(f"192.0.2.{number}"), 32) for number in (10, 11, 12))
WIDE = B._replace(prefixlen=24)
ROUTE = RouteRow("lo", parse_prefix("198.51.100.0/24"), 255, 2, 66)


def remove(row: AddressRow) -> Step:
    return Step("remove", Held(row.address, row.prefixlen, row.interface))


class Bench:
    def __init__(self, *rows: AddressRow | RouteRow) -> None:
        self.kernel = TableKernel(*rows)
        self.saved: list[tuple[Undo, int]] = []
        self.said: list[str] = []
        self.cleaning = Cleaning(self.kernel, Undo("h", "b", 1, 0.0), self._save, self.said.append)

    def _save(self, undo: Undo) -> None:
        self.saved.append((undo, len(self.kernel.addresses)))

    def run(self, *plans: Plan) -> None:
        self.cleaning.carry_out(plans, self.cleaning.observe())

    def stopped(self, *plans: Plan) -> str:
        with pytest.raises(StoppedError) as raised:
            self.run(*plans)
        return str(raised.value)


def test_the_undo_is_saved_before_anything_is_changed() -> None:
    bench = Bench(A, WIDE)
    bench.run((Step("add", Held(B.address, 24, "lo")), remove(WIDE), remove(A)))
    [(undo, addresses)] = bench.saved
    assert addresses == 2
    assert set(undo.entries) == {Entry("removed", A), Entry("removed", WIDE), Entry("added", B)}
    assert bench.kernel.addresses == [B]
    assert bench.said == [f"added {B}", f"deleted {WIDE}", f"deleted {A}"]


def test_later_plans_are_added_to_it() -> None:
    bench = Bench(A, B, C)
    bench.run((remove(A),), (remove(B),))
    bench.run((remove(C),))
    assert [len(undo.entries) for undo, _ in bench.saved] == [3, 3]
    assert {entry.was for entry in bench.cleaning.undo.entries} == {"removed"}


def test_a_concurrent_change_stops_it() -> None:
    bench = Bench(A, B)
    observed = bench.cleaning.observe()
    bench.kernel.addresses.append(C)
    with pytest.raises(StoppedError, match="have changed since the plan was made"):
        bench.cleaning.carry_out([(remove(A),)], observed)
    assert (bench.saved, bench.kernel.addresses) == ([], [A, B, C])


def test_routes_elsewhere_may_come_and_go() -> None:
    bench = Bench(A)
    observed = bench.cleaning.observe()
    bench.kernel.routes.append(RouteRow("eth0", parse_prefix("203.0.113.0/24"), 254, 1, 186))
    bench.cleaning.carry_out([(remove(A),)], observed)
    assert bench.kernel.addresses == []


def test_what_is_not_there_any_more_stops_it() -> None:
    bench = Bench(A)
    assert bench.stopped((remove(B),)) == "it is not there any more"
    assert bench.saved == []


def test_what_could_not_be_restored_is_not_removed() -> None:
    odd = A._replace(others=(("attribute 40", "x"),))
    bench = Bench(odd)
    assert "could not be restored" in bench.stopped((remove(odd),))
    assert bench.saved == []


def test_a_refusal_of_the_kernel_stops_it() -> None:
    bench = Bench(A, B)
    bench.kernel.refuses.add(B)
    assert bench.stopped((remove(A), remove(B))) == f"failed: {B}: Operation not permitted"
    assert bench.kernel.addresses == [B]
    assert len(bench.saved) == 1


@pytest.mark.parametrize("other", [B, ROUTE])
def test_what_goes_along_stops_it_and_is_in_the_undo(other: AddressRow | RouteRow) -> None:
    bench = Bench(A, B, ROUTE)
    bench.kernel.takes_along[A] = other
    assert bench.stopped((remove(A),)) == f"{other} went away at the same time"
    assert Entry("removed", other) in bench.saved[-1][0].entries


def test_a_script_that_cannot_be_written_stops_it() -> None:
    bench = Bench(A)

    def full(undo: Undo) -> None:
        raise OSError(28, "No space left on device")

    cleaning = Cleaning(bench.kernel, Undo("h", "b", 1, 0.0), full, bench.said.append)
    with pytest.raises(OSError, match="No space left"):
        cleaning.carry_out([(remove(A),)], cleaning.observe())
    assert bench.kernel.addresses == [A]
