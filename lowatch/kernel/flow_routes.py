"""How the packets of a local client to an endpoint are routed, and the replies.

Routes match the address alone, but policy rules ahead of table local can match more: protocol, ports,
source, device, user; and a client's source may have no local route. On such a host the kernel is asked
again, for each endpoint, as connect() asks it.
"""

from __future__ import annotations

from collections.abc import Sequence

from lowatch.core.addresses import Address, destination, is_v4
from lowatch.core.held import Delivery, FlowRoute
from lowatch.core.known import Unknown
from lowatch.core.listeners import Endpoint
from lowatch.wire.fib_rules import dump_rules
from lowatch.wire.netlink import NLMSG_DONE, MalformedMessageError
from lowatch.wire.netlink_reader import decode_rule
from lowatch.wire.rtnetlink import AF_INET, AF_INET6, RTM_NEWRULE, RTN_LOCAL, Flow, get_flow

from .input_devices import InputDevices
from .request_cache import RequestCache
from .request_socket import NetlinkError, RequestSocket, unknown
from .routing import Locality, flow_towards, read_route

_Source = Address | FlowRoute | Unknown
"""The source address of a flow that is delivered locally; a FlowRoute if it is not."""


class FlowRoutes:
    """RTM_GETROUTE with protocol, ports and source."""

    def __init__(self, route: RequestSocket, locality: Locality, input_devices: InputDevices) -> None:
        """locality, input_devices: where a flow arrives is asked of the one and stored in the other."""
        self._route = route
        self._locality = locality
        self._input_devices = input_devices
        self._plain: bool | None = None
        self._sources: RequestCache[Flow, _Source] = RequestCache(route, get_flow, _source, unknown)

    def forget(self) -> None:
        """The policy rules may have changed."""
        self._plain = None

    def selective(self) -> bool:
        """Whether some rule ahead of table local may look at more than the address."""
        if self._plain is None:
            try:
                self._plain = all(self._begins_plainly(family) for family in (AF_INET, AF_INET6))
            except (NetlinkError, MalformedMessageError):
                return True  # unknown: ask about each endpoint
        return not self._plain

    def _begins_plainly(self, family: int) -> bool:
        """Whether the first rule is that of table local, or the family has no rules."""
        for datagram in self._route.dump(dump_rules(0, family)):
            for span in datagram.spans:
                if span.type == RTM_NEWRULE:
                    return decode_rule(datagram.data, span.start, span.end)
                if span.type == NLMSG_DONE:
                    break
        return True

    def ask(self, endpoints: Sequence[Endpoint]) -> list[FlowRoute | Unknown]:
        """One answer for each, in order; the endpoints are distinct. Never raises.

        The lookups are those of ip_route_connect() (include/net/route.h): the first one chooses the source,
        and for IPv4 a second one uses it. One more routes the reply, from the endpoint to that source.
        """
        sources = dict(zip(endpoints, self._sources.ask([flow_towards(e) for e in endpoints]), strict=True))
        local = {one: source for one, source in sources.items() if isinstance(source, bytes)}
        ways = self._locality.ask_flows(
            [flow_towards(one, source if is_v4(source) else None) for one, source in local.items()]
        )
        replies = self._sources.ask([_back(one, source) for one, source in local.items()])
        routes = {
            one: self._route_of(one, way, reply)
            for one, way, reply in zip(local, ways, replies, strict=True)
        }
        return [routes[one] if isinstance(source, bytes) else source for one, source in sources.items()]

    def _route_of(self, endpoint: Endpoint, way: Delivery | Unknown, reply: _Source) -> FlowRoute | Unknown:
        """The route of a flow whose first lookup was local; its input device is stored."""
        if isinstance(way, Unknown):
            return way
        if way.local:
            self._input_devices.learn_flow(endpoint, way.ifindex)
        if isinstance(reply, Unknown):
            return reply
        return FlowRoute.HERE if way.local and isinstance(reply, bytes) else FlowRoute.NO_WAY_BACK


def _back(endpoint: Endpoint, source: Address) -> Flow:
    target, port = destination(endpoint.address), endpoint.port
    return Flow(source, target, port.protocol, port.number, None)


def _source(sequence: int, flow: Flow, reply: bytes) -> _Source:
    route = read_route(sequence, reply)
    if isinstance(route, Unknown):
        return route
    if route is None:
        return FlowRoute.NOWHERE
    return (route.source or flow.destination) if route.shape.type == RTN_LOCAL else FlowRoute.ELSEWHERE
