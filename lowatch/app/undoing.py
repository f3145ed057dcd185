"""Puts back what `lowatch clean --apply` changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from lowatch.core.changes.moves import Moves, moves, route_moves
from lowatch.core.changes.putting_back import mending, putting_back, stand_ins
from lowatch.core.changes.rows import AddressRow, ChangeError, KernelState
from lowatch.core.changes.undo import Act, Undo, differences

from .cleaning import Kernel


class Undone(NamedTuple):
    """acts: how many changes were tried. differences: what is not as it was before. A line each."""

    acts: int
    failures: tuple[str, ...]
    differences: tuple[str, ...]


def put_back(undo: Undo, kernel: Kernel, report: Callable[[str], None]) -> Undone:
    """Restores addresses, routes and their order. report: takes a line about each command.

    A change that fails stops no other one. Raises ChangeError if the state cannot be read.
    """
    failures: list[str] = []
    acts = _do(putting_back(undo, kernel.state()), kernel, report, failures)
    acts += _in_order(moves, undo, kernel, report, failures)
    acts += _do(stand_ins(undo, kernel.state()), kernel, report, failures)
    acts += _do(mending(undo, kernel.state()), kernel, report, failures)
    acts += _in_order(route_moves, undo, kernel, report, failures)
    now = kernel.state()
    left = differences(undo, now)
    why_not = [moves(undo, now).why_not, route_moves(undo, now).why_not] if left else []
    return Undone(acts, tuple(failures), (*left, *filter(None, why_not)))


def _in_order(
    find: Callable[[Undo, KernelState], Moves],
    undo: Undo,
    kernel: Kernel,
    report: Callable[[str], None],
    failures: list[str],
) -> int:
    """Moves as long as it helps. Nothing is moved where something has failed."""
    number, tried = 0, set[tuple[Act, ...]]()
    while not failures and (found := find(undo, kernel.state())).acts and found.acts not in tried:
        tried.add(found.acts)
        number += _do(found.acts, kernel, report, failures)
    return number


def _do(acts: Iterable[Act], kernel: Kernel, report: Callable[[str], None], failures: list[str]) -> int:
    number = 0
    for act in acts:
        number += 1
        try:
            _change(act, kernel)
        except ChangeError as error:
            failures.append(str(error))
        else:
            report(str(act))
    return number


def _change(act: Act, kernel: Kernel) -> None:
    if isinstance(act.row, AddressRow):
        (kernel.delete_address if act.do == "delete" else kernel.add_address)(act.row)
    elif act.do == "delete":
        kernel.delete_route(act.row)
    else:
        kernel.add_route(act.row, "append" if act.do == "add" else act.do)
