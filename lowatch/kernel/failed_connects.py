"""Local clients whose connect to a held address failed, by the events of sockets that are destroyed.

A flood of them is sampled in the kernel, and each one that arrives then counts for many.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from lowatch.core.addresses import Address, Port
from lowatch.core.liveness import Heartbeat
from lowatch.core.programs import Program
from lowatch.core.sampling_pace import LOWERED_EVERY, SamplingPace
from lowatch.wire.closed_client import ClosedClient, parse_closed_client
from lowatch.wire.inet_diag import DESTROY_GROUPS, SOCK_DIAG_BY_FAMILY
from lowatch.wire.netlink import HEADER, Span

from .event_socket import EventSocket
from .filters import MAX_SAMPLING, drop_all_filter, failed_connect_filter, sampling_of
from .own_clients import OwnClients
from .request_socket import NETLINK_SOCK_DIAG

_NAMES_SHARE = 0.05
"""Of the loop, for reading names: 6,000 of them, since Linux 6.8, take 1 ms."""

if TYPE_CHECKING:
    from .socket_trace import SocketTrace  # a daemon without a trace does not import it

SAVED_AFTER = 0.02
"""Seconds after which the kernel has saved a program's name; see saved_names.py."""


class ClientHints(Protocol):
    def client_closed(self, client: ClosedClient, weight: int, program: Program | None) -> None:
        """A client of a held address closed, and `weight` - 1 more that are not reported.

        program: whose it was, if it failed and a trace says so.
        """

    def clients_lost(self) -> None:
        """Clients may have closed that are not reported."""


def _only(data: bytes) -> tuple[Span]:
    """The one message of a datagram. The filter cuts it when it samples."""
    return (Span(SOCK_DIAG_BY_FAMILY, 0, 0, HEADER.size, len(data)),)


class _Unnamed(NamedTuple):
    """A client whose program has no name yet. due: until when it is waited for, by the loop's clock."""

    due: float
    client: ClosedClient
    weight: int
    program: Program
    thread: int


class FailedConnects:
    """Reports clients to the hints, without those of lowatch itself. Implements EventListener."""

    def __init__(self, hints: ClientHints, own: OwnClients, trace: SocketTrace | None = None) -> None:
        self._hints = hints
        self._own = own
        self._trace = trace
        self._addresses: Collection[Address] = ()
        self._ports: frozenset[Port] = frozenset()
        self._pace = SamplingPace(MAX_SAMPLING)
        self._lowering: asyncio.TimerHandle | None = None
        self._unnamed: list[_Unnamed] = []
        self._naming: asyncio.TimerHandle | None = None
        self._names_due = 0.0
        self._events = EventSocket(NETLINK_SOCK_DIAG, DESTROY_GROUPS, drop_all_filter(), self, _only)

    def open(self, receive_buffer: int) -> None:
        """Subscribe, to nothing before follow(). receive_buffer: in bytes. Raises NetlinkError."""
        self._events.open(receive_buffer)

    def follow(self, addresses: Collection[Address], ports: Iterable[Port]) -> None:
        """Report the clients of these addresses from now on; of UDP those of these ports."""
        self._addresses, self._ports = addresses, frozenset(ports)
        if self._trace is not None:
            self._trace.follow(addresses)
        self._filter()

    def heartbeat(self) -> Heartbeat:
        return self._events.heartbeat("client events")

    def close(self) -> None:
        for timer in filter(None, (self._lowering, self._naming)):
            timer.cancel()
        self._lowering = self._naming = None
        self._unnamed.clear()
        self._events.close()

    def on_message(self, data: bytes, span: Span) -> None:
        client = parse_closed_client(data)
        if self._pace.arrived(asyncio.get_running_loop().time()):
            self._sample()
        if self._own.take(client.cookie):
            return
        weight = 4 ** sampling_of(data)
        traced = self._trace.take(client) if self._trace is not None and client.failed else None
        if traced is None:
            self._hints.client_closed(client, weight, None)
            return
        if not client.port:
            client = client._replace(port=traced.port)
        awaited = None if traced.is_named else traced.thread
        if traced.program is None or awaited is None:
            self._hints.client_closed(client, weight, traced.program)
        else:
            due = asyncio.get_running_loop().time() + SAVED_AFTER
            self._unnamed.append(_Unnamed(due, client, weight, traced.program, awaited))
            self._name_soon()

    def _name_soon(self) -> None:
        """Not sooner after the last time either: while names are read, the kernel saves none."""
        if self._naming is None:
            loop = asyncio.get_running_loop()
            self._naming = loop.call_at(max(loop.time() + SAVED_AFTER, self._names_due), self._name)

    def _name(self) -> None:
        """Report the clients whose name is saved by now, or should be."""
        loop = asyncio.get_running_loop()
        unnamed, self._unnamed, self._naming = self._unnamed, [], None
        began = loop.time()
        names = self._trace.names({one.thread for one in unnamed}) if self._trace is not None else {}
        now = loop.time()
        self._names_due = now + (now - began) / _NAMES_SHARE
        for one in unnamed:
            name = names.get(one.thread)
            if name is None and one.due > now:
                self._unnamed.append(one)
                self._name_soon()
            else:
                self._hints.client_closed(one.client, one.weight, one.program._replace(name=name or ""))

    def on_lost(self, reason: str) -> None:
        self._hints.clients_lost()
        if self._pace.overran():
            self._sample()

    def _sample(self) -> None:
        """Apply the level of sampling. While it is above 0, look every second whether it may be lower."""
        self._filter()
        if self._pace.level and self._lowering is None:
            self._lowering = asyncio.get_running_loop().call_later(LOWERED_EVERY, self._lower)

    def _lower(self) -> None:
        self._lowering = None
        self._pace.looked(asyncio.get_running_loop().time())
        self._sample()

    def _filter(self) -> None:
        self._events.replace_filter(
            failed_connect_filter(self._addresses, self._ports, self._pace.level)
            if self._addresses
            else drop_all_filter()
        )
