"""The events that a Host follows: of routing, and of sockets that close."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from lowatch.core.addresses import Address, Port, Prefix, unmapped
from lowatch.core.liveness import Heartbeat
from lowatch.wire.inet_diag import DESTROY_GROUPS
from lowatch.wire.netlink import Span
from lowatch.wire.netlink_reader import decode_socket
from lowatch.wire.nexthop import GROUP_NEXTHOP
from lowatch.wire.rtnetlink import GROUPS

from .event_socket import EventListener, EventSocket
from .failed_connects import ClientHints, FailedConnects
from .filters import closed_socket_filter, route_event_filter
from .own_clients import OwnClients
from .request_socket import NETLINK_ROUTE, NETLINK_SOCK_DIAG

if TYPE_CHECKING:
    from .cgroups import CgroupUnits
    from .socket_trace import SocketTrace
    from .unit_starts import UnitStarts

_ROUTE_GROUPS = (*GROUPS, GROUP_NEXTHOP)


class Hints(ClientHints, Protocol):
    """Receives the host's events, which only say when to look again."""

    def prefix_touched(self, prefix: Prefix | None) -> None:
        """Addresses in the prefix, or any address, may be delivered elsewhere now."""

    def socket_closed(self, address: Address, port: int) -> None: ...

    def listener_comes(self, address: Address, port: int) -> None: ...

    def listeners_lost(self) -> None: ...

    def unit_starts(self) -> None: ...

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
        closed = decode_socket(data, span.start, span.end)
        self._hints.socket_closed(unmapped(closed.address), closed.port)

    def on_lost(self, reason: str) -> None:
        self._hints.overrun()
        self._hints.everything_touched()


class HostEvents:
    """Three sockets: route events go to the listener, those of sockets straight to the hints.

    Closed clients have one of their own: if a flood of them overruns it, nothing else is lost.
    """

    def __init__(
        self,
        listener: EventListener,
        ports: Iterable[Port],
        hints: Hints,
        own: OwnClients,
        trace: SocketTrace | None = None,
    ) -> None:
        self.routes = EventSocket(NETLINK_ROUTE, _ROUTE_GROUPS, route_event_filter(), listener)
        self.sockets = EventSocket(
            NETLINK_SOCK_DIAG, DESTROY_GROUPS, closed_socket_filter(ports), _ClosedSockets(hints)
        )
        self.trace = trace
        self._hints = hints
        self._starts: UnitStarts | None = None
        self.clients = FailedConnects(hints, own, trace)

    def open(self, receive_buffer: int) -> None:
        """Subscribe to the kernel's events. receive_buffer: in bytes, for each. Raises NetlinkError."""
        self.routes.open(receive_buffer)
        self.sockets.open(receive_buffer)
        self.clients.open(receive_buffer)
        if self.trace is not None:
            self.trace.open()

    def follow_ports(self, ports: Iterable[Port]) -> None:
        """Receive events for closed sockets on these ports from now on."""
        self.sockets.replace_filter(closed_socket_filter(ports))

    def follow_starts(self) -> bool:
        """Report units that start from now on. Returns whether they are noticed."""
        if self._starts is None:
            from .unit_starts import UnitStarts  # noqa: PLC0415  # while nothing is missing it does without

            self._starts = UnitStarts(self._hints)
            self._starts.open()
        return self._starts.works

    def heartbeats(self) -> list[Heartbeat]:
        return [
            self.routes.heartbeat("route events"),
            self.sockets.heartbeat("socket events"),
            self.clients.heartbeat(),
        ]

    def close(self) -> None:
        self.routes.close()
        self.sockets.close()
        self.clients.close()
        if self.trace is not None:
            self.trace.close()
        if self._starts is not None:
            self._starts.close()


def traced_by(descriptor: int, hints: Hints, units: CgroupUnits) -> SocketTrace:
    """The trace that is handed over as this descriptor."""
    from .processes import Processes  # noqa: PLC0415  # a daemon without a trace does without
    from .socket_trace import SocketTrace  # noqa: PLC0415

    return SocketTrace(descriptor, hints, Processes(units))
