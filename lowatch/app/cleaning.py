"""Carries out the plans of `lowatch clean --apply`, one step at a time, and stops at the first surprise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, Protocol

from lowatch.core.addresses import destination
from lowatch.core.changes.rows import (
    LOCAL_KIND,
    AddressRow,
    ChangeError,
    KernelState,
    RouteRow,
    restorable,
)
from lowatch.core.changes.undo import Entry, Undo, recorded
from lowatch.core.plan import Plan, Step

Place = Literal["append", "prepend", "replace"]


class Kernel(Protocol):
    """Changes addresses and routes. All raise ChangeError."""

    def state(self) -> KernelState: ...

    def row_of(self, step: Step, state: KernelState) -> AddressRow | RouteRow: ...

    def apply(self, step: Step, state: KernelState) -> AddressRow | RouteRow: ...

    def add_address(self, row: AddressRow) -> None: ...

    def delete_address(self, row: AddressRow) -> None: ...

    def add_route(self, row: RouteRow, place: Place = "append") -> None: ...

    def delete_route(self, row: RouteRow) -> None: ...


class StoppedError(Exception):
    """Nothing more is changed. One line that says why."""


class Cleaning:
    """undo: what undoes all that was changed. save: writes it, before anything is changed, or raises.

    report: takes a line about each command.
    """

    def __init__(
        self,
        kernel: Kernel,
        undo: Undo,
        save: Callable[[Undo], None],
        report: Callable[[str], None],
    ) -> None:
        self._kernel = kernel
        self._save = save
        self._report = report
        self._before: KernelState | None = None
        self.undo = undo

    def observe(self) -> KernelState:
        """What the next plans are made on; to be called before their audit. Raises StoppedError."""
        try:
            return self._kernel.state()
        except ChangeError as error:
            raise StoppedError(str(error)) from None

    def carry_out(self, plans: Sequence[Plan], observed: KernelState) -> None:
        """Raises StoppedError, and what `save` raises."""
        now = self.observe()
        steps = [step for plan in plans for step in plan]
        if _relevant(steps, observed) != _relevant(steps, now):
            raise StoppedError("addresses or routes have changed since the plan was made")
        try:
            rows = [(step, self._kernel.row_of(step, now)) for step in steps]
        except ChangeError as error:
            raise StoppedError(str(error)) from None
        for step, row in rows:
            why_not = restorable(row) if step.do != "add" else ""
            if why_not:
                raise StoppedError(why_not)
        before = self._before = self._before or now
        self._record([Entry("added" if step.do == "add" else "removed", row) for step, row in rows], before)
        for step in steps:
            now = self._take(step, now, before)

    def _record(self, changes: list[Entry], before: KernelState) -> None:
        undo = recorded(self.undo, before, changes)
        self._save(undo)
        self.undo = undo

    def _take(self, step: Step, now: KernelState, before: KernelState) -> KernelState:
        """One step; the state after it."""
        verb = "added" if step.do == "add" else "deleted"
        try:
            row = self._kernel.apply(step, now)
        except ChangeError as error:
            raise StoppedError(f"failed: {error}") from None
        route = "the route " if isinstance(row, RouteRow) else ""
        self._report(f"{verb} {route}{row}")
        after = self.observe()
        lost = [one for one in _lost(step, now, after) if one != row]
        if lost:
            self._record([Entry("removed", one) for one in lost if not restorable(one)], before)
            raise StoppedError(f"{lost[0]} went away at the same time")
        return after


def _lost(step: Step, before: KernelState, after: KernelState) -> Iterator[AddressRow | RouteRow]:
    """The addresses, and the routes that hang on the address of a step, that are not there any more."""
    places = {row.place for row in after.addresses}
    gone = step.held.address, step.held.prefixlen, step.held.interface
    for row in before.addresses:
        is_meant = step.do != "add" and (row.address, row.prefixlen, row.interface) == gone
        if row.place not in places and not is_meant:
            yield row
    there = set(after.routes)
    for route in before.routes:
        hangs_on_it = route.interface == step.held.interface or route.source == step.held.address
        if hangs_on_it and not route.by_kernel and route not in there:
            yield route


def _relevant(steps: Sequence[Step], state: KernelState) -> tuple[object, ...]:
    """What plans depend on: all addresses and local routes, and other routes that hang on theirs."""
    interfaces = {step.held.interface for step in steps}
    addresses = {destination(step.held.address) for step in steps}
    routes = (
        row
        for row in state.routes
        if row.kind == LOCAL_KIND or row.interface in interfaces or row.source in addresses
    )
    return tuple(row.lasting for row in state.addresses), tuple(routes)
