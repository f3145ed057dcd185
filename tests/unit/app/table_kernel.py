"""A kernel that keeps two lists: what it is told is so, and nothing goes along."""

from __future__ import annotations

from lowatch.core.addresses import host_length
from lowatch.core.changes.rows import AddressRow, ChangeError, KernelState, RouteRow
from lowatch.core.plan import Step


class TableKernel:
    """refuses: rows that it refuses to change. takes_along: what goes along with a row."""

    def __init__(self, *rows: AddressRow | RouteRow) -> None:
        self.addresses = [row for row in rows if isinstance(row, AddressRow)]
        self.routes = [row for row in rows if isinstance(row, RouteRow)]
        self.refuses: set[AddressRow | RouteRow] = set()
        self.takes_along: dict[AddressRow | RouteRow, AddressRow | RouteRow] = {}

    def state(self) -> KernelState:
        return KernelState(tuple(self.addresses), tuple(self.routes))

    def row_of(self, step: Step, state: KernelState) -> AddressRow | RouteRow:
        held = step.held
        if step.do == "add":
            return AddressRow(held.interface, held.address, host_length(held.address))
        for row in (*state.addresses, *state.routes):
            if isinstance(row, AddressRow) and row[:3] == (held.interface, held.address, held.prefixlen):
                return row
            if isinstance(row, RouteRow) and held.by == "route" and row.prefix == held.prefix:
                return row
        raise ChangeError("it is not there any more")

    def apply(self, step: Step, state: KernelState) -> AddressRow | RouteRow:
        row = self.row_of(step, state)
        if isinstance(row, RouteRow):
            self.delete_route(row)
        elif step.do == "add":
            self.add_address(row)
        else:
            self.delete_address(row)
        return row

    def add_address(self, row: AddressRow) -> None:
        self._check(row)
        self.addresses.append(row)

    def delete_address(self, row: AddressRow) -> None:
        self._check(row)
        self.addresses.remove(row)
        other = self.takes_along.get(row)
        if isinstance(other, AddressRow):
            self.addresses.remove(other)
        elif other is not None:
            self.routes.remove(other)

    def add_route(self, row: RouteRow, place: str = "append") -> None:
        self._check(row)
        self.routes.insert(0 if place == "prepend" else len(self.routes), row)

    def delete_route(self, row: RouteRow) -> None:
        self._check(row)
        self.routes.remove(row)

    def _check(self, row: AddressRow | RouteRow) -> None:
        if row in self.refuses:
            raise ChangeError(f"{row}: Operation not permitted", 1)
