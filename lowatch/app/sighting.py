"""What the kernel says of one endpoint at one moment."""

from __future__ import annotations

from lowatch.core.held import FlowRoute
from lowatch.core.known import Unknown
from lowatch.core.listeners import Endpoint
from lowatch.core.verification import Sighting

from .ports import Host

_LOCAL = (FlowRoute.HERE, FlowRoute.NO_WAY_BACK)


def sight(host: Host, endpoint: Endpoint) -> Sighting:
    """Ask for the route, for the flow where it may differ, and for the socket, as an audit does."""
    [delivery] = host.deliveries([endpoint.address])
    local = delivery if isinstance(delivery, Unknown) else delivery.local
    flow: FlowRoute | Unknown = FlowRoute.HERE
    if host.flow_routes_may_differ:
        [flow] = host.flow_routes([endpoint])
        local = flow if isinstance(flow, Unknown) else flow in _LOCAL
    [listener] = host.listeners([endpoint])
    return Sighting(local, flow, listener)
