"""What puts back the addresses and routes that were changed, given what is there now."""

from __future__ import annotations

from collections.abc import Iterator

from lowatch.core.addresses import is_v4
from lowatch.core.held import TABLE_LOCAL

from .rows import LOCAL_KIND, AddressRow, KernelState, RouteRow
from .undo import Act, Undo, alike, host, list_of

STAND_IN = 27759
"""The metric of the local routes that keep an address local while it is deleted and added again."""
STATIC = 4


def putting_back(undo: Undo, now: KernelState) -> list[Act]:
    """Adds what was removed, then deletes what was added. The order of addresses comes later."""
    places = {row.place for row in now.addresses}
    half_moved = {(row.interface, row.prefix) for row in now.routes if is_stand_in(row)}
    missing = [
        row
        for was, row in undo.entries
        if isinstance(row, AddressRow)
        and was != "added"
        and row.place not in places
        and (was == "removed" or (row.interface, host(row.address)) in half_moved)
    ]
    oldest_first = [row for row in missing if is_v4(row.address)]
    oldest_first += [row for row in reversed(missing) if not is_v4(row.address)]
    acts = [Act("add", row) for row in oldest_first]
    acts += _routes(undo, now)
    back = places | {act.row.place for act in acts if isinstance(act.row, AddressRow)}
    for was, row in undo.entries:
        if was == "added" and isinstance(row, AddressRow) and row.place in places:
            twins = [one for one in undo.addresses if (one.interface, one.address) == row[:2]]
            if all(one.place in back for one in twins) and row.place not in {one.place for one in twins}:
                acts.append(Act("delete", row))
    return acts


def _routes(undo: Undo, now: KernelState) -> Iterator[Act]:
    """Those that were before all that stay are prepended, the last one first."""
    gone = [row for was, row in undo.entries if isinstance(row, RouteRow) and was == "removed"]
    gone = [row for row in gone if row not in now.routes]
    for kind in dict.fromkeys(map(alike, gone)):
        group = [row for row in undo.routes if alike(row) == kind]
        first = next((i for i, row in enumerate(group) if row not in gone), 0)
        yield from (Act("prepend", row) for row in reversed(group[:first]))
        yield from (Act("add", row) for row in group[first:] if row in gone)


def stand_ins(undo: Undo, now: KernelState) -> list[Act]:
    """Deletes the routes that kept addresses local, of those that are there again."""
    there = {(row.interface, host(row.address)) for row in now.addresses}
    mine = {interface for interface, _ in map(list_of, undo.addresses)}
    return [
        Act("delete", row)
        for row in now.routes
        if is_stand_in(row)
        and row.interface in mine
        and (not row.prefix.is_host or (row.interface, row.prefix) in there)
    ]


def mending(undo: Undo, now: KernelState) -> list[Act]:
    """Gives routes back the source that they preferred (rt6_remove_prefsrc())."""
    return [
        Act("replace", row)
        for row in undo.routes
        if row not in now.routes
        and not row.others
        and [one for one in now.routes if alike(one) == alike(row)] == [row._replace(source=None)]
    ]


def is_stand_in(row: RouteRow) -> bool:
    return (row.kind, row.table, row.priority, row.protocol) == (
        LOCAL_KIND,
        TABLE_LOCAL,
        STAND_IN,
        STATIC,
    )
