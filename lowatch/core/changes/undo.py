"""An undo: what was there before, and what was changed.

It is taken back by what is there, not by what was done (putting_back.py, moves.py). So it undoes a plan of
which only a part was carried out, too, and continues an undo that was interrupted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from lowatch.core.addresses import Address, Prefix, host_length, is_v4, prefix_of

from .rows import AddressRow, KernelState, RouteRow

Was = Literal["kept", "removed", "added"]
Do = Literal["add", "delete", "prepend", "replace"]


class Entry(NamedTuple):
    """was: "kept" and "removed" rows were there before, "added" ones were not."""

    was: Was
    row: AddressRow | RouteRow


class Undo(NamedTuple):
    """host, boot (its id), netns (its inode): where it applies. made_at: wall-clock seconds.

    entries: all addresses of the interfaces and families that are concerned, in the kernel's order, and the
    routes that are.
    """

    host: str
    boot: str
    netns: int
    made_at: float
    entries: tuple[Entry, ...] = ()

    @property
    def addresses(self) -> list[AddressRow]:
        """Those that were there before, in the kernel's order."""
        return [row for was, row in self.entries if was != "added" and isinstance(row, AddressRow)]

    @property
    def routes(self) -> list[RouteRow]:
        """Those that were there before, in the kernel's order."""
        return [row for was, row in self.entries if was != "added" and isinstance(row, RouteRow)]


class Act(NamedTuple):
    """One change. prepend: add a route before those like it. replace: a route that lost its source."""

    do: Do
    row: AddressRow | RouteRow

    def __str__(self) -> str:
        verb = "add" if self.do == "prepend" else self.do
        return f"{verb} {'route ' if isinstance(self.row, RouteRow) else ''}{self.row}"


def recorded(undo: Undo, before: KernelState, changes: Iterable[Entry]) -> Undo:
    """The undo of more changes, which are about to be made. before: as it was before the first one."""
    entries = dict.fromkeys(undo.entries)
    places = {row.place: row for row in before.addresses}
    beside = _Beside(before)
    for was, row in changes:
        if was == "added":
            entries[Entry("added", row)] = None
            continue
        there = places.get(row.place) if isinstance(row, AddressRow) else row
        if there is None:  # it was added by an earlier change
            continue
        if Entry("removed", there) not in entries:
            for one in beside.of(there) if Entry("kept", there) not in entries else ():
                if Entry("removed", one) not in entries:
                    entries[Entry("kept", one)] = None
            entries = {
                (Entry("removed", there) if one == ("kept", there) else one): None for one in entries
            }
    return undo._replace(entries=tuple(entries))


class _Beside:
    """Finds the rows among which the kernel keeps a row in order, and what else depends on it."""

    def __init__(self, before: KernelState) -> None:
        self._addresses: dict[tuple[str, bool], list[AddressRow]] = {}
        self._routes: dict[Prefix, list[RouteRow]] = {}
        self._preferring: list[RouteRow] = []
        for one in before.addresses:
            self._addresses.setdefault(list_of(one), []).append(one)
        for route in before.routes:
            self._routes.setdefault(route.prefix, []).append(route)
            if route.source is not None and not route.by_kernel and not is_v4(route.source):
                self._preferring.append(route)

    def of(self, row: AddressRow | RouteRow) -> Iterator[AddressRow | RouteRow]:
        """Itself included. An IPv6 route loses its preferred source when that is deleted."""
        if isinstance(row, RouteRow):
            yield from (one for one in self._routes[row.prefix] if alike(one) == alike(row))
            return
        beside = self._addresses[list_of(row)]
        yield from beside
        if not is_v4(row.address):
            addresses = {one.address for one in beside}
            yield from (route for route in self._preferring if route.source in addresses)
        for each in beside:  # some may have to be added again, to restore their order
            for prefix in _prefixes_of(each):
                for own in self._routes.get(prefix, ()):
                    if own.by_kernel and own.interface == row.interface:
                        yield from self._others_like(own)

    def _others_like(self, own: RouteRow) -> list[RouteRow]:
        found = [one for one in self._routes[own.prefix] if alike(one) == alike(own)]
        return found if len(found) > 1 else []


def differences(undo: Undo, now: KernelState) -> list[str]:
    """What is not as it was before, in a few words each."""
    found = []
    for one in dict.fromkeys(list_of(row) for row in undo.addresses):
        before = [row.lasting for row in undo.addresses if list_of(row) == one]
        current = [row.lasting for row in now.addresses if list_of(row) == one]
        there, places = {row.place: row for row in current}, {row.place for row in before}
        odd = [f"{row} is missing" for row in before if row.place not in there]
        odd += [f"{row} is new" for row in current if row.place not in places]
        odd += [f"{row} has other attributes" for row in before if there.get(row.place, row) != row]
        if not odd and before != current:
            odd.append(f"the addresses of {one[0]} are in another order")
        found += odd
    found += [f"the route {row} is missing" for row in undo.routes if row not in now.routes]
    for kind in dict.fromkeys(map(alike, undo.routes)):
        group = [row for row in undo.routes if alike(row) == kind and row in now.routes]
        if group != [row for row in now.routes if row in group]:
            found.append(f"the routes {kind[0]} are in another order")
    return found


def list_of(row: AddressRow) -> tuple[str, bool]:
    """The kernel has a list of addresses for each interface and family."""
    return row.interface, is_v4(row.address)


def _prefixes_of(row: AddressRow) -> set[Prefix]:
    """Those to which the kernel has routes for an address: fib_add_ifaddr(), addrconf_prefix_route()."""
    network = prefix_of(row.peer or row.address, row.prefixlen)
    spare = host_length(row.address) - row.prefixlen
    last = (int.from_bytes(network.address) | (1 << spare) - 1).to_bytes(len(row.address))
    ends = {host(network.address), host(Address(last)), *([host(row.broadcast)] if row.broadcast else [])}
    return {host(row.address), network, *(ends if is_v4(row.address) else ())}


def alike(row: RouteRow) -> tuple[Prefix, int, int, int]:
    """Of routes alike, the kernel uses the first (fib_find_alias())."""
    return row.prefix, row.table, row.tos, row.priority


def host(address: Address) -> Prefix:
    return Prefix(address, host_length(address))
