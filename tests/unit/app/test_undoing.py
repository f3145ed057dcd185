"""Putting back: what fails stops nothing else, and what is different is told."""

from __future__ import annotations

from lowatch.app.undoing import put_back
from lowatch.core.addresses import parse_address, parse_prefix
from lowatch.core.changes.rows import AddressRow, RouteRow
from lowatch.core.changes.undo import Entry, Undo
from tests.unit.app.table_kernel import TableKernel

A, B, C = (AddressRow("lo", parse_address(f"192.0.2.{number}"), 32) for number in (10, 11, 12))
ROUTE, OTHER = (RouteRow("lo", parse_prefix("198.51.100.0/24"), 255, 2, number) for number in (66, 67))


def undo(*entries: tuple[str, AddressRow | RouteRow]) -> Undo:
    return Undo("h", "b", 1, 0.0, tuple(Entry(was, row) for was, row in entries))  # type: ignore[arg-type]


def test_addresses_routes_and_their_order() -> None:
    kernel, said = TableKernel(B, C, OTHER), list[str]()
    script = undo(("removed", A), ("kept", B), ("added", C), ("removed", ROUTE), ("kept", OTHER))
    done = put_back(script, kernel, said.append)
    assert (done.failures, done.differences) == ((), ())
    assert (kernel.addresses, kernel.routes) == ([A, B], [ROUTE, OTHER])
    assert said[:2] == [f"add {A}", f"add route {ROUTE}"]
    assert done.acts == len(said)
    assert put_back(script, kernel, said.append).acts == 0


def test_a_failure_is_told_and_the_rest_is_done() -> None:
    kernel = TableKernel(C)
    kernel.refuses.add(A)
    done = put_back(undo(("removed", A), ("removed", B), ("added", C)), kernel, str)
    assert done.failures == (f"{A}: Operation not permitted",)
    assert done.differences == (f"{A} is missing",)
    assert kernel.addresses == [B]


def test_an_order_that_cannot_be_restored_is_told() -> None:
    odd = B._replace(others=(("attribute 40", "x"),))
    done = put_back(undo(("removed", A), ("kept", odd)), TableKernel(odd), str)
    assert done.differences == (
        "the addresses of lo are in another order",
        f"lo: {odd} has attribute 40, which could not be restored",
    )


def test_no_more_than_once_where_it_does_not_help() -> None:
    """Another process puts an address last again and again."""

    class Stubborn(TableKernel):
        def add_address(self, row: AddressRow) -> None:
            super().add_address(row)
            self.addresses.sort(key=lambda one: one != B)

    done = put_back(undo(("removed", A), ("kept", B)), Stubborn(B), str)
    assert done.differences[0] == "the addresses of lo are in another order"
