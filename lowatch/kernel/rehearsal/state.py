"""A network namespace as its dumps show it, to be copied and to be compared."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from lowatch.core.addresses import Address, format_address
from lowatch.core.fixes.rehearsal import Delivered, Leaving
from lowatch.core.held import Held
from lowatch.core.known import Unknown
from lowatch.core.limits.kernel import REHEARSED_ROWS
from lowatch.core.surroundings import Route
from lowatch.kernel.conversions import ROUTE_KINDS, as_route, held_address
from lowatch.kernel.request_socket import Datagram, NetlinkError, RequestSocket, batches
from lowatch.kernel.routing import read_route
from lowatch.wire.copied_links import CopiedLink, copied_link
from lowatch.wire.copies import (
    Indexes,
    Reader,
    Row,
    address_row,
    dump_every_route,
    dump_every_rule,
    dump_nexthops,
    nexthop_row,
    route_row,
    rule_row,
)
from lowatch.wire.links import dump_links
from lowatch.wire.netlink import NLMSG_DONE, NLMSG_ERROR
from lowatch.wire.rtnetlink import (
    AF_INET,
    AF_INET6,
    RTN_LOCAL,
    RTN_UNICAST,
    RouteMessage,
    dump_addresses,
    get_route,
    get_source,
    parse_address,
    parse_route,
)

_DUMPS: Mapping[str, tuple[tuple[bytes, ...], Reader]] = {
    "addresses": ((dump_addresses(0),), address_row),
    "nexthops": ((dump_nexthops(0),), nexthop_row),
    "routes": ((dump_every_route(0, AF_INET), dump_every_route(0, AF_INET6)), route_row),
    "rules": ((dump_every_rule(0, AF_INET), dump_every_rule(0, AF_INET6)), rule_row),
}
TABLES = tuple(_DUMPS)


class State(NamedTuple):
    """Dumps of one moment. links: by index."""

    links: Mapping[int, CopiedLink]
    dumps: Mapping[str, Sequence[Datagram]]

    @property
    def size(self) -> int:
        """How many objects there are."""
        return len(self.links) + sum(len(one.spans) for table in self.dumps.values() for one in table)

    def rows(self, table: str, indexes: Indexes) -> list[Row]:
        """The objects of a table, in the kernel's order. indexes: of the interfaces, in a copy."""
        read = _DUMPS[table][1]
        return [read(data, start, end, indexes) for data, start, end in self._messages(table)]

    def names(self) -> dict[str, int]:
        return {link.name: link.ifindex for link in self.links.values()}

    def name_of(self, ifindex: int) -> str:
        link = self.links.get(ifindex)
        return f"interface {ifindex}" if link is None else link.name

    def held(self) -> tuple[Held, ...]:
        """The addresses of all interfaces, without their age."""
        found = (parse_address(*message) for message in self._messages("addresses"))
        return tuple(
            _timeless(held_address(one, self.name_of(one.shape.ifindex)))
            for one in found
            if one is not None
        )

    def routes(self) -> tuple[Route, ...]:
        """The routes of all tables, except broadcast, multicast and anycast ones."""
        found = (parse_route(*message) for message in self._messages("routes"))
        return tuple(
            as_route(one, self.name_of)
            for one in found
            if one is not None and one.shape.type in ROUTE_KINDS
        )

    def _messages(self, table: str) -> Iterator[tuple[bytes, int, int]]:
        return _messages(self.dumps[table])


def _messages(datagrams: Sequence[Datagram]) -> Iterator[tuple[bytes, int, int]]:
    for data, spans, _ in datagrams:
        for span in spans:
            if span.type not in (NLMSG_DONE, NLMSG_ERROR):
                yield data, span.start, span.end


def _timeless(held: Held) -> Held:
    return held._replace(created=None, flags=tuple(flag for flag in held.flags if flag != "nodad"))


def read_rows(route: RequestSocket, table: str) -> list[Row]:
    """The objects of one table of a copy. Raises NetlinkError, MalformedMessageError."""
    requests, read = _DUMPS[table]
    datagrams = [datagram for one in requests for datagram in route.dump(one, REHEARSED_ROWS)]
    return [read(data, start, end, {}) for data, start, end in _messages(datagrams)]


def read_state(route: RequestSocket, tables: Collection[str] = TABLES) -> State:
    """Dumps the links, and some tables or all. Raises NetlinkError, MalformedMessageError."""
    links = [copied_link(*message) for message in _messages(route.dump(dump_links(0), REHEARSED_ROWS))]
    dumps = {
        table: tuple(datagram for one in requests for datagram in route.dump(one, REHEARSED_ROWS))
        for table, (requests, _) in _DUMPS.items()
        if table in tables
    }
    if any(datagram.interrupted for table in dumps.values() for datagram in table):
        raise NetlinkError("they kept changing")
    return State({link.ifindex: link for link in links if link is not None}, dumps)


class Answers(NamedTuple):
    """What routing answers. deliveries, sources: as in core.fixes.rehearsal.Observed."""

    deliveries: Mapping[Address, Delivered]
    sources: Mapping[Address, Leaving | None]


class Questions(NamedTuple):
    """addresses: whose delivery is asked. behind: those whose packets' source is asked.

    swallowing: the interfaces by which no packet leaves this host.
    """

    addresses: Sequence[Address]
    behind: Sequence[Address]
    swallowing: Collection[str]


def ask(route: RequestSocket, state: State, questions: Questions) -> Answers:
    """Raises NetlinkError."""
    addresses, behind, swallowing = questions
    requests = [get_route(number, one) for number, one in enumerate(addresses)]
    replies = route.ask(batches(requests))
    found = [_answer(number, reply) for number, reply in enumerate(replies)]
    deliveries = {
        address: Delivered(
            one is not None and one.shape.type == RTN_LOCAL,
            _interface(one, state),
            0 if one is None else one.shape.length,
        )
        for address, one in zip(addresses, found, strict=True)
    }
    replies = route.ask(batches([get_source(number, one) for number, one in enumerate(behind)]))
    chosen = [_answer(number, reply) for number, reply in enumerate(replies)]
    sources = {
        address: _source(one, state, swallowing) for address, one in zip(behind, chosen, strict=True)
    }
    return Answers(deliveries, sources)


def _answer(number: int, reply: bytes) -> RouteMessage | None:
    answer = read_route(number, reply)
    if isinstance(answer, Unknown):
        raise NetlinkError(answer.reason)
    return answer


def _interface(route: RouteMessage | None, state: State) -> str:
    return "" if route is None or not route.shape.ifindex else state.name_of(route.shape.ifindex)


def _source(route: RouteMessage | None, state: State, swallowing: Collection[str]) -> Leaving | None:
    if route is None or route.shape.type != RTN_UNICAST:
        return None
    interface = _interface(route, state)
    return None if interface in swallowing else Leaving(route.source, interface)


def other_answer(real: Answers, copy: Answers) -> str:
    """The first question that a copy answers otherwise; "" if there is none."""
    ways = [*real.deliveries.items(), *real.sources.items()]
    theirs = [*copy.deliveries.items(), *copy.sources.items()]
    odd = (ours for ours, other in zip(ways, theirs, strict=True) if ours != other)
    return next((f"the way to {format_address(address)}" for address, _ in odd), "")
