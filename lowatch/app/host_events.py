"""From the host's events to marks: each says "look again here", none says what is true."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from lowatch.core.addresses import Address, Prefix

from .auditor import Auditor


class EventMeter(Protocol):
    def netlink_event(self, group: str) -> None: ...

    def netlink_overrun(self) -> None: ...

    def netlink_resync(self) -> None: ...


class AuditorHints:
    """Implements kernel.host.Hints: marks, counts, and wakes the daemon."""

    def __init__(self, auditor: Auditor, meter: EventMeter, wake: Callable[[], None]) -> None:
        self._auditor = auditor
        self._wake = wake
        self.event = meter.netlink_event
        self.overrun = meter.netlink_overrun
        self.resync = meter.netlink_resync

    def prefix_touched(self, prefix: Prefix | None) -> None:
        self._auditor.mark_prefix(prefix)
        self._wake()

    def socket_closed(self, address: Address, port: int) -> None:
        self._auditor.mark_socket(address, port)
        self._wake()

    def everything_touched(self) -> None:
        self._auditor.mark_all()
        self._wake()
