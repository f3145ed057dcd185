"""Restores the order of addresses and routes: the kernel adds them at one end only."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple

from lowatch.core.addresses import is_v4
from lowatch.core.held import SCOPE_HOST, TABLE_LOCAL
from lowatch.core.limits.kernel import ADDRESSES_MOVED

from .putting_back import STAND_IN, STATIC
from .rows import F_SECONDARY, FOREVER, LOCAL_KIND, AddressRow, KernelState, RouteRow
from .undo import Act, Undo, alike, host, list_of


class Moves(NamedTuple):
    """acts: what restores an order. why_not: why it is not restored; "" if it is."""

    acts: tuple[Act, ...] = ()
    why_not: str = ""


def moves(undo: Undo, now: KernelState) -> Moves:
    """Restores the order of one interface's addresses of one family, the first that differs.

    The kernel puts a new IPv4 address after the others, and a new IPv6 address before them. So the others
    are deleted and added again, each kept local by a route meanwhile.
    """
    lists = dict.fromkeys(list_of(row) for row in undo.addresses)
    refused = []
    for one in lists:
        before = dict.fromkeys(row.place for row in undo.addresses if list_of(row) == one)
        current = {row.place: row for row in now.addresses if list_of(row) == one}
        wanted = [place for place in before if place in current]
        found = [place for place in current if place in before]
        if wanted == found:
            continue
        newest_first = not one[1]
        if newest_first:
            wanted, found = wanted[::-1], found[::-1]
        moved = [current[place] for place in wanted[_kept(wanted, found) :]]
        why_not = _immovable(moved, [row for place, row in current.items() if place not in before], now)
        if not why_not:
            return Moves(tuple(_moving(moved, now)))
        refused.append(f"{one[0]}: {why_not}")
    return Moves(why_not="; ".join(refused))


def route_moves(undo: Undo, now: KernelState) -> Moves:
    """Restores the order of routes to the same prefix, the first that differs.

    The kernel uses the first one, which stays. So the others are not used while they are away.
    """
    refused = []
    for kind in dict.fromkeys(map(alike, undo.routes)):
        found = [row for row in now.routes if alike(row) == kind]
        wanted = [row for row in undo.routes if row in found]
        found = [row for row in found if row in wanted]
        if wanted == found:
            continue
        moved = wanted[_kept(wanted, found) :]
        fixed = next((row for row in moved if row.others or _is_bound(row)), None)
        if fixed is None:
            acts = ((Act("delete", row), Act("add", row)) for row in moved)
            return Moves(tuple(act for pair in acts for act in pair))
        refused.append(f"the route {fixed} cannot be added again")
    return Moves(why_not="; ".join(refused))


def _is_bound(row: RouteRow) -> bool:
    """Whether an IPv6 address refers to exactly this route, and will delete it (inet6_ifaddr.rt)."""
    return not is_v4(row.prefix.address) and row.by_kernel and row.kind == LOCAL_KIND


def _can_be_replaced(row: RouteRow, now: KernelState) -> bool:
    """Whether a route that lost its source can get it back: see putting_back.mending()."""
    return not row.others and [one for one in now.routes if alike(one) == alike(row)] == [row]


def _kept(wanted: Sequence[Hashable], found: Sequence[Hashable]) -> int:
    """How many of the first ones are in the right order already, and can stay."""
    positions = {place: number for number, place in enumerate(found)}
    position = -1
    for number, place in enumerate(wanted):
        if positions[place] < position:
            return number
        position = positions[place]
    return len(wanted)


def _immovable(moved: Sequence[AddressRow], new: Sequence[AddressRow], now: KernelState) -> str:
    """Why addresses cannot be deleted and added again without harm; "" if they can."""
    if len(moved) > ADDRESSES_MOVED.value:
        ADDRESSES_MOVED.reached()
        return f"more than {ADDRESSES_MOVED.value:,} addresses would be deleted and added again"
    preferring = [one for one in now.routes if one.source is not None and not one.by_kernel]
    sources = {one.source for one in preferring if not _can_be_replaced(one, now)}
    for row in moved:
        if row.others:
            return f"{row} has {row.others[0][0]}, which could not be restored"
        if FOREVER not in (row.preferred, row.valid):
            return f"the lifetime of {row} is running out"
        if not is_v4(row.address) and row.address in sources:
            return f"a route prefers {row} as its source"
        if any(_takes_along(row, other) for other in new):
            return f"an address was added to the prefix of {row} since"
    return ""


def _takes_along(row: AddressRow, other: AddressRow) -> bool:
    """Whether the kernel deletes the other one, a secondary, together with a row."""
    if not is_v4(row.address) or not other.flags & F_SECONDARY or row.prefixlen != other.prefixlen:
        return False
    spare = 32 - row.prefixlen
    return int.from_bytes(row.address) >> spare == int.from_bytes(other.address) >> spare


def _moving(moved: Sequence[AddressRow], now: KernelState) -> Iterator[Act]:
    """moved: in the order in which they are added again. stand_ins() deletes the routes afterwards."""
    kept = dict.fromkeys(route for row in moved for route in _standing_in(row, now))
    yield from (Act("add", route) for route in kept if route not in now.routes)
    secondaries_first = sorted(moved, key=lambda row: not (is_v4(row.address) and row.flags & F_SECONDARY))
    yield from (Act("delete", row) for row in secondaries_first)
    yield from (Act("add", row) for row in moved)


def _standing_in(row: AddressRow, now: KernelState) -> Iterator[RouteRow]:
    """Local routes like those that the kernel has for an address."""
    scope = SCOPE_HOST if is_v4(row.address) else 0
    preference = None if is_v4(row.address) else 0
    prefixes = {host(row.address): None}
    for route in now.routes:
        own = route.by_kernel and (route.interface, route.source) == (row.interface, row.address)
        if own and (route.kind, route.table) == (LOCAL_KIND, TABLE_LOCAL):
            prefixes[route.prefix] = None
    for prefix in prefixes:
        yield RouteRow(
            row.interface,
            prefix,
            TABLE_LOCAL,
            LOCAL_KIND,
            STATIC,
            scope,
            priority=STAND_IN,
            preference=preference,
        )
