"""Asks the kernel what an audit asks, and decodes each message twice: for `check --verify`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import product
from typing import NamedTuple

from lowatch.core.addresses import destination
from lowatch.core.limits.kernel import MESSAGES_COMPARED, ROUTES_LISTED
from lowatch.core.limits.limit import Limit
from lowatch.core.listeners import Endpoint
from lowatch.wire.fib_rules import dump_rules
from lowatch.wire.inet_diag import dump_bound, find_listener
from lowatch.wire.netlink import MalformedMessageError, Span, only_message
from lowatch.wire.netlink_comparison import ROUTE_KINDS, SOCKET_KINDS, DecoderComparison, Kinds
from lowatch.wire.rtnetlink import AF_INET, AF_INET6, dump_routes, get_flow, get_route

from .host import DUMPS
from .input_devices import LOOPBACK_INDEX
from .nonlocal_routes import NONLOCAL_TYPES
from .request_socket import NETLINK_ROUTE, NETLINK_SOCK_DIAG, NetlinkError, RequestSocket, batches
from .routing import flow_towards

_Question = Callable[[int], bytes]
"""A request, by its sequence number."""

_FAMILIES = (AF_INET, AF_INET6)
_AT_ONCE = 512


def compare_decoders(endpoints: Iterable[Endpoint]) -> tuple[DecoderComparison, tuple[str, ...]]:
    """Dump every table, and look up these endpoints and their addresses.

    It blocks, for about 45 us per message. Returns also what could not be compared, a line each.
    """
    comparison, asked = DecoderComparison(), tuple(dict.fromkeys(endpoints))
    of_routes = _Pass(comparison, ROUTE_KINDS, RequestSocket(NETLINK_ROUTE))
    of_sockets = _Pass(comparison, SOCKET_KINDS, RequestSocket(NETLINK_SOCK_DIAG))
    missed = dict.fromkeys(of_routes.messages(_route_dumps(), _route_questions(asked)))
    missed.update(dict.fromkeys(of_sockets.messages(_socket_dumps(), _socket_questions(asked))))
    unread = (f"pyroute2 cannot read {count:,}: {why}" for why, count in comparison.unread.items())
    return comparison, (*missed, *unread)


def _route_dumps() -> Iterator[tuple[bytes, Limit | None]]:
    """The dumps of an audit, and how many messages may come."""
    for requests in DUMPS.values():
        yield from ((request, None) for request in requests)
    yield from ((dump_rules(0, family), None) for family in _FAMILIES)
    for family, kind in product(_FAMILIES, NONLOCAL_TYPES):
        yield dump_routes(0, family, kind), ROUTES_LISTED


def _socket_dumps() -> Iterator[tuple[bytes, Limit | None]]:
    yield from ((dump_bound(0, *which), None) for which in product(_FAMILIES, ("tcp", "udp")))


def _route_questions(endpoints: Iterable[Endpoint]) -> list[_Question]:
    addresses = dict.fromkeys(destination(endpoint.address) for endpoint in endpoints)
    flows = (partial(get_flow, flow=flow_towards(endpoint), fib_match=True) for endpoint in endpoints)
    return [*(partial(get_route, address=address) for address in addresses), *flows]


def _socket_questions(endpoints: Iterable[Endpoint]) -> list[_Question]:
    return [
        partial(find_listener, address=destination(address), port=port, interface=LOOPBACK_INDEX)
        for address, port in endpoints
    ]


class _Pass(NamedTuple):
    """The messages of one protocol, and what is compared."""

    comparison: DecoderComparison
    kinds: Kinds
    asking: RequestSocket

    def messages(
        self, dumps: Iterable[tuple[bytes, Limit | None]], questions: list[_Question]
    ) -> Iterator[str]:
        """Compare them. Yields what could not be compared."""
        try:
            for dump, at_most in dumps:
                yield from self._dump(dump, at_most)
            for first in range(0, len(questions), _AT_ONCE):
                yield from self._replies(questions[first : first + _AT_ONCE])
        finally:
            self.asking.close()

    def _dump(self, dump: bytes, at_most: Limit | None) -> Iterator[str]:
        try:
            for datagram in self.asking.dump(dump, at_most):
                for span in datagram.spans:
                    yield from self._add(span, datagram.data)
        except NetlinkError as error:
            yield f"a dump was not compared: {error}"

    def _replies(self, questions: list[_Question]) -> Iterator[str]:
        try:
            requests = [build(number) for number, build in enumerate(questions)]
            for reply in self.asking.ask(batches(requests)):
                yield from self._add(only_message(reply), reply)
        except (NetlinkError, MalformedMessageError) as error:
            yield f"replies were not compared: {error}"

    def _add(self, span: Span, data: bytes) -> Iterator[str]:
        if self.comparison.compared < MESSAGES_COMPARED.value:
            self.comparison.add(self.kinds, span.type, data, span.start, span.end)
        else:
            MESSAGES_COMPARED.reached()
            yield f"messages beyond {MESSAGES_COMPARED.value:,} were not compared"
