"""The events that a Host follows: of routing, and of sockets that close."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from lowatch.core.addresses import Address, Port, unmapped
from lowatch.core.liveness import Heartbeat
from lowatch.wire.inet_diag import DESTROY_GROUPS, parse_socket
from lowatch.wire.netlink import Span
from lowatch.wire.nexthop import GROUP_NEXTHOP, RTM_DELNEXTHOP, RTM_NEWNEXTHOP
from lowatch.wire.rtnetlink import (
    GROUPS,
    RTM_DELADDR,
    RTM_DELLINK,
    RTM_DELROUTE,
    RTM_DELRULE,
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTM_NEWROUTE,
    RTM_NEWRULE,
)

from .event_socket import EventListener, EventSocket
from .filters import closed_socket_filter, route_event_filter
from .host_tables import Touched
from .request_socket import NETLINK_ROUTE, NETLINK_SOCK_DIAG

_ROUTE_GROUPS = (*GROUPS, GROUP_NEXTHOP)
GROUP_NAMES = {
    RTM_NEWLINK: "link",
    RTM_DELLINK: "link",
    RTM_NEWADDR: "address",
    RTM_DELADDR: "address",
    RTM_NEWROUTE: "route",
    RTM_DELROUTE: "route",
    RTM_NEWRULE: "rule",
    RTM_DELRULE: "rule",
    RTM_NEWNEXTHOP: "nexthop",
    RTM_DELNEXTHOP: "nexthop",
}
"""By message type: how Hints.event() calls it."""


class Hints(Protocol):
    """Receives the host's events, which only say when to look again."""

    def prefix_touched(self, prefix: Touched) -> None: ...

    def socket_closed(self, address: Address, port: int) -> None: ...

    def everything_touched(self) -> None: ...

    def event(self, group: str) -> None:
        """Count one netlink event: "link", "address", "route", "rule", "nexthop" or "destroy"."""

    def overrun(self) -> None: ...

    def resync(self) -> None:
        """Everything is dumped again, because events were lost."""


class _ClosedSockets:
    """Reports closed sockets. Implements EventListener."""

    def __init__(self, hints: Hints) -> None:
        self._hints = hints

    def on_message(self, data: bytes, span: Span) -> None:
        self._hints.event("destroy")
        closed = parse_socket(data, span.start, span.end)
        self._hints.socket_closed(unmapped(closed.address), closed.port)

    def on_lost(self, reason: str) -> None:
        self._hints.overrun()
        self._hints.everything_touched()


class HostEvents:
    """Two sockets: route events go to the listener, closed sockets straight to the hints."""

    def __init__(self, listener: EventListener, ports: Iterable[Port], hints: Hints) -> None:
        self.routes = EventSocket(NETLINK_ROUTE, _ROUTE_GROUPS, route_event_filter(), listener)
        self.sockets = EventSocket(
            NETLINK_SOCK_DIAG, DESTROY_GROUPS, closed_socket_filter(ports), _ClosedSockets(hints)
        )

    def open(self, receive_buffer: int) -> None:
        """Subscribe to the kernel's events. receive_buffer: in bytes, for each. Raises NetlinkError."""
        self.routes.open(receive_buffer)
        self.sockets.open(receive_buffer)

    def follow_ports(self, ports: Iterable[Port]) -> None:
        """Receive events for closed sockets on these ports from now on."""
        self.sockets.replace_filter(closed_socket_filter(ports))

    def heartbeats(self) -> list[Heartbeat]:
        return [self.routes.heartbeat("route events"), self.sockets.heartbeat("socket events")]

    def close(self) -> None:
        self.routes.close()
        self.sockets.close()
