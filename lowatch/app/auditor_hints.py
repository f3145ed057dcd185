"""Turns the host's events into marks in the auditor: an event says where to look, not what is true."""

from __future__ import annotations

from typing import Protocol

from lowatch.core.addresses import Address, Prefix
from lowatch.core.programs import Program
from lowatch.wire.closed_client import ClosedClient

from .auditor import Auditor


class EventMeter(Protocol):
    def netlink_event(self, group: str) -> None: ...

    def netlink_overrun(self) -> None: ...

    def netlink_resync(self) -> None: ...


class Waking(Protocol):
    """The daemon."""

    def wake(self) -> None:
        """Something was marked in the auditor."""

    def client_closed(self, client: ClosedClient, weight: int, program: Program | None) -> None: ...

    def clients_lost(self) -> None: ...

    def listener_comes(self, address: Address, port: int) -> None: ...

    def listeners_lost(self) -> None: ...

    def unit_starts(self) -> None: ...


class AuditorHints:
    """Implements Hints of kernel/host_events.py: marks in the auditor, counts, and wakes the daemon."""

    def __init__(self, auditor: Auditor, daemon: Waking, meter: EventMeter) -> None:
        self._auditor = auditor
        self._daemon = daemon
        self._meter = meter

    def event(self, group: str) -> None:
        self._meter.netlink_event(group)

    def overrun(self) -> None:
        self._meter.netlink_overrun()

    def resync(self) -> None:
        self._meter.netlink_resync()

    def prefix_touched(self, prefix: Prefix | None) -> None:
        self._auditor.mark_prefix(prefix)
        self._daemon.wake()

    def socket_closed(self, address: Address, port: int) -> None:
        self._auditor.mark_socket(address, port)
        self._daemon.wake()

    def client_closed(self, client: ClosedClient, weight: int, program: Program | None) -> None:
        self._meter.netlink_event("destroy")
        self._daemon.client_closed(client, weight, program)

    def listener_comes(self, address: Address, port: int) -> None:
        self._daemon.listener_comes(address, port)

    def listeners_lost(self) -> None:
        self._daemon.listeners_lost()

    def unit_starts(self) -> None:
        self._daemon.unit_starts()

    def clients_lost(self) -> None:
        self._meter.netlink_overrun()
        self._daemon.clients_lost()

    def everything_touched(self) -> None:
        self._auditor.mark_all()
        self._daemon.wake()
