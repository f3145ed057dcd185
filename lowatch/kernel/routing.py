"""Whether an address is delivered locally, and by which prefix and device, as the kernel routes it."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence

from lowatch.core.addresses import Address, destination
from lowatch.core.held import NOT_ROUTED, Delivery
from lowatch.core.known import Unknown
from lowatch.core.listeners import Endpoint
from lowatch.wire.netlink import NLMSG_ERROR, MalformedMessageError, error_code, only_message
from lowatch.wire.netlink_reader import decode_route
from lowatch.wire.rtnetlink import (
    RTM_NEWROUTE,
    RTN_LOCAL,
    Flow,
    RouteMessage,
    get_flow,
    get_route,
    route_replies,
)

from .host_tables import HostTables
from .input_devices import InputDevices
from .request_cache import RequestCache
from .request_socket import RequestSocket, unknown

# The errors for a destination that is not routed at all: unreachable, prohibit, blackhole.
_REFUSALS = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EINVAL, errno.ESRCH})


class Locality:
    """RTM_GETROUTE with RTM_F_FIB_MATCH: the matched FIB entry itself, its prefix and its device.

    Local means rtm_type RTN_LOCAL. The reported table is not used: policy rules decide whether it is 254 or
    255 (docs/internals/kernel.md).
    """

    def __init__(self, route: RequestSocket, tables: HostTables, input_devices: InputDevices) -> None:
        """tables: which interface a nexthop object uses."""
        self._tables = tables
        self._input_devices = input_devices
        self._by_address: RequestCache[Address, Delivery | Unknown] = RequestCache(
            route, _question, self._delivery, unknown, self._deliveries_alike
        )
        self._replies = route_replies(self._routed)
        self._devices_generation = input_devices.generation
        self._by_flow: RequestCache[Flow, Delivery | Unknown] = RequestCache(
            route, _flow_question, lambda sequence, _, reply: self._read(sequence, reply), unknown
        )

    def ask(self, addresses: Sequence[Address]) -> list[Delivery | Unknown]:
        """One answer for each address, in order. Never raises: a failure is an Unknown.

        Answers are read again after an input device has changed: another list of addresses, asked in
        between, may have stored another device.
        """
        if self._devices_generation != self._input_devices.generation:
            self._devices_generation = self._input_devices.generation
            self._by_address.forget()
        return self._by_address.ask(addresses)

    def ask_endpoints(self, endpoints: Sequence[Endpoint]) -> list[Delivery | Unknown]:
        """The same for each endpoint: policy rules may look at its port.

        For an address alone, inet_rtm_getroute() of IPv4 assumes UDP without ports.
        """
        return self.ask_flows([flow_towards(endpoint) for endpoint in endpoints])

    def ask_flows(self, flows: Sequence[Flow]) -> list[Delivery | Unknown]:
        """The same for each flow, with its source if it has one."""
        return self._by_flow.ask(flows)

    def forget(self) -> None:
        """Read every answer again: a nexthop object has changed."""
        self._replies = route_replies(self._routed)
        self._by_address.forget()
        self._by_flow.forget()

    def _delivery(self, sequence: int, address: Address, reply: bytes) -> Delivery | Unknown:
        delivery = self._read(sequence, reply)
        if isinstance(delivery, Delivery):
            self._input_devices.learn(address, delivery)
        return delivery

    def _deliveries_alike(
        self, addresses: Sequence[Address], replies: Sequence[bytes]
    ) -> list[Delivery | Unknown] | None:
        """Of addresses on one interface: their replies differ in little. None if these differ in more."""
        read = self._replies.read_alike(replies)
        if read is None:
            return None
        delivery = read[0]
        self._input_devices.learn_all(addresses, delivery)
        return [delivery] * len(addresses)

    def _read(self, sequence: int, reply: bytes) -> Delivery | Unknown:
        try:
            found = self._replies.read(reply)
        except MalformedMessageError:
            found = None
        if found is not None and found[1][0] == sequence:
            return found[0]
        route = read_route(sequence, reply)
        return self._delivery_by(route) if isinstance(route, RouteMessage) else route or NOT_ROUTED

    def _routed(self, reply: bytes, start: int, end: int) -> Delivery:
        """Raises MalformedMessageError."""
        route = decode_route(reply, start, end)
        if route is None:
            raise MalformedMessageError("of another family")
        return self._delivery_by(route)

    def _delivery_by(self, route: RouteMessage) -> Delivery:
        shape = route.shape
        device = shape.ifindex or self._tables.nexthop_device(shape.nexthop)
        return Delivery(shape.type == RTN_LOCAL, device, shape.length)


def flow_towards(endpoint: Endpoint, source: Address | None = None) -> Flow:
    """A local client's packets to an endpoint, from any source port."""
    port = endpoint.port
    return Flow(destination(endpoint.address), source, port.protocol, None, port.number)


def _question(sequence: int, address: Address) -> bytes:
    return get_route(sequence, destination(address))


def _flow_question(sequence: int, flow: Flow) -> bytes:
    return get_flow(sequence, flow, fib_match=True)


def read_route(sequence: int, reply: bytes) -> RouteMessage | Unknown | None:
    """The route in a reply to RTM_GETROUTE; None if routing refuses."""
    try:
        kind, _, replied, start, end = span = only_message(reply)
        if replied != sequence:
            return Unknown("netlink", "a reply to another request")
        if kind == NLMSG_ERROR:
            code = error_code(reply, span)
            return None if code in _REFUSALS else Unknown("netlink", os.strerror(code))
        route = decode_route(reply, start, end) if kind == RTM_NEWROUTE else None
    except MalformedMessageError as error:
        return Unknown("netlink", f"unreadable reply: {error}")
    return route or Unknown("netlink", "a reply that is not a route")
