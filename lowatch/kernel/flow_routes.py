"""How the packets of a local client to an endpoint are routed, and the replies.

Routes match the address alone, but policy rules ahead of table local can match more: protocol, ports,
source, device, user. On a host with such rules the kernel is asked again, for each endpoint, as connect()
asks it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lowatch.core.addresses import Address, destination, is_v4
from lowatch.core.held import FlowRoute
from lowatch.core.known import Unknown
from lowatch.core.listeners import Endpoint
from lowatch.wire.fib_rules import dump_rules, is_plain_local
from lowatch.wire.netlink import NLMSG_DONE, MalformedMessageError
from lowatch.wire.rtnetlink import AF_INET, AF_INET6, RTM_NEWRULE, RTN_LOCAL, Flow, get_flow

from .request_cache import RequestCache
from .request_socket import NetlinkError, RequestSocket, unknown
from .routing import read_route

_Source = Address | FlowRoute | Unknown
"""The source address of a flow that is delivered locally; a FlowRoute if it is not."""


class FlowRoutes:
    """RTM_GETROUTE with protocol, ports and source."""

    def __init__(self, route: RequestSocket) -> None:
        self._route = route
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
        for data, spans, _ in self._route.dump(dump_rules(0, family)):
            for span in spans:
                if span.type == RTM_NEWRULE:
                    return is_plain_local(data, span.start, span.end)
                if span.type == NLMSG_DONE:
                    break
        return True

    def ask(self, endpoints: Sequence[Endpoint]) -> list[FlowRoute | Unknown]:
        """One answer for each, in order. Never raises.

        The lookups are those of ip_route_connect() (include/net/route.h): the first one chooses the source,
        and for IPv4 a second one uses it. One more routes the reply, from the endpoint to that source.
        """
        sources = dict(zip(endpoints, self._sources.ask([_towards(one) for one in endpoints]), strict=True))
        local = {one: source for one, source in sources.items() if isinstance(source, bytes)}
        again = {one: source for one, source in local.items() if is_v4(source)}
        checks = [_towards(one, source) for one, source in again.items()]
        checks += [_back(one, source) for one, source in local.items()]
        checked = self._sources.ask(checks)
        blocked = dict(_blocked([*again, *local], checked))
        return [
            blocked.get(one, FlowRoute.HERE) if isinstance(source, bytes) else source
            for one, source in sources.items()
        ]


def _towards(endpoint: Endpoint, source: Address | None = None) -> Flow:
    target, port = destination(endpoint.address), endpoint.port
    return Flow(target, source, port.protocol, None, port.number)


def _back(endpoint: Endpoint, source: Address) -> Flow:
    target, port = destination(endpoint.address), endpoint.port
    return Flow(source, target, port.protocol, port.number, None)


def _blocked(
    endpoints: Iterable[Endpoint], checked: Iterable[_Source]
) -> Iterable[tuple[Endpoint, FlowRoute | Unknown]]:
    for endpoint, source in zip(endpoints, checked, strict=True):
        if isinstance(source, Unknown):
            yield endpoint, source
        elif isinstance(source, FlowRoute):
            yield endpoint, FlowRoute.NO_WAY_BACK


def _source(sequence: int, flow: Flow, reply: bytes) -> _Source:
    route = read_route(sequence, reply)
    if isinstance(route, Unknown):
        return route
    if route is None:
        return FlowRoute.NOWHERE
    return (route.source or flow.destination) if route.shape.type == RTN_LOCAL else FlowRoute.ELSEWHERE
