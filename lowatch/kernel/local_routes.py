"""The local routes of all interfaces and tables, grouped by what they have in common.

Ten thousand host routes differ in little but the destination. So a question about all of them is answered
group by group, with operations on sets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Set
from typing import NamedTuple

from lowatch.core.addresses import Address
from lowatch.wire.rtnetlink import RouteMessage, RouteShape

_Sources = tuple[Address | None, ...]
"""The preferred source of each route with one shape and destination: one, as a rule."""


class RouteGroup(NamedTuple):
    """Routes of one family and shape. routes: destination -> the sources that they prefer."""

    shape: RouteShape
    routes: dict[Address, _Sources]
    bits: int
    """Of an address: 32 or 128."""

    @property
    def are_host_routes(self) -> bool:
        return self.shape.length == self.bits

    def messages(self, destinations: Iterable[Address] | None = None) -> Iterator[RouteMessage]:
        """The routes to these of its destinations, or to all."""
        for destination in self.routes if destinations is None else destinations:
            for source in dict.fromkeys(self.routes[destination]):
                yield RouteMessage(destination, self.shape, source)


class LocalRoutes:
    """Keyed by everything in their message.

    fib_find_alias() and fib_find_info() (net/ipv4) distinguish routes to the same prefix by table, tos,
    type, protocol, scope, priority, preferred source and nexthop. Two that are alike even so differ in
    metrics: there, the source stands twice.
    """

    def __init__(self, routes: Iterable[RouteMessage] = ()) -> None:
        self._groups: dict[tuple[int, RouteShape], RouteGroup] = {}
        self._preferred: Counter[Address] = Counter()
        for route in routes:
            self.add(route)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LocalRoutes) and self._groups == other._groups

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __iter__(self) -> Iterator[RouteMessage]:
        for group in self.groups():
            yield from group.messages()

    def groups(self) -> Iterable[RouteGroup]:
        return self._groups.values()

    def add(self, message: RouteMessage) -> bool:
        """Returns whether no route like it was known."""
        destination, shape, source = message
        group = self._groups.get((len(destination), shape))
        if group is None:
            group = RouteGroup(shape, {}, len(destination) * 8)
            self._groups[len(destination), shape] = group
        known = group.routes.get(destination, ())
        if source in known:
            if known.count(source) == 1:  # how many more is no matter
                group.routes[destination] = (*known, source)
            return False
        group.routes[destination] = (*known, source)
        if source is not None and source != destination:
            self._preferred[source] += 1
        return True

    def discard(self, message: RouteMessage) -> bool:
        """Remove a route. Returns whether it was known, and is the only one to its prefix.

        If there are several, the event of a deletion may not identify the one that is gone: of two that
        differ in metrics, say.
        """
        destination, shape, source = message
        group = self._groups.get((len(destination), shape))
        known = group.routes.get(destination, ()) if group is not None else ()
        if group is None or source not in known:
            return False
        left = tuple(one for one in known if one != source)
        if left:
            group.routes[destination] = left
        else:
            del group.routes[destination]
            if not group.routes:
                del self._groups[len(destination), shape]
        self._forget_source(destination, source)
        return len(known) == 1 and not any(
            destination in other.routes
            for other in self.groups()
            if (other.bits, other.shape.length) == (group.bits, shape.length)
        )

    def discard_link(self, ifindex: int) -> None:
        """Remove the routes through an interface."""
        for key in [key for key, group in self._groups.items() if group.shape.ifindex == ifindex]:
            for destination, sources in self._groups.pop(key).routes.items():
                for source in dict.fromkeys(sources):
                    self._forget_source(destination, source)

    def _forget_source(self, destination: Address, source: Address | None) -> None:
        if source is None or source == destination:
            return
        self._preferred[source] -= 1
        if not self._preferred[source]:
            del self._preferred[source]

    def foreign_sources(self) -> Set[Address]:
        """The sources that a route to another address prefers."""
        return self._preferred.keys()

    def prefers(self, source: Address) -> bool:
        """Whether a route to another address prefers this source. The kernel drops it with the address."""
        return source in self._preferred
