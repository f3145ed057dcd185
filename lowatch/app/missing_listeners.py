"""Looks for listeners that are missing: no netlink event reports one that appears. At hints, more often."""

from __future__ import annotations

from collections.abc import Container

from lowatch.core.addresses import Address, Port
from lowatch.core.clock import Clock

from .auditor import Auditor
from .pacing import Heard, PollPace
from .ports import Host


class MissingListeners:
    def __init__(self, auditor: Auditor, host: Host, clock: Clock) -> None:
        self._auditor = auditor
        self._host = host
        self._clock = clock
        self._pace = PollPace()
        self._seen = auditor.unhealthy_changes

    @property
    def due(self) -> float | None:
        """When to poll next, in monotonic seconds; None if no listener is missing."""
        if not self._auditor.unhealthy:
            return None
        trace = self._host.trace
        if trace is not None and trace.heard and not trace.failure and self._auditor.waits_for_listeners:
            return self._pace.due_if(Heard.ALL)
        return self._pace.due_if(Heard.STARTS if self._host.follow_starts() else Heard.NOTHING)

    def poll(self, now: float) -> None:
        """Look for them, and mark the domains of those that are there."""
        self._auditor.poll()
        self._pace.polled(now, self._clock.now().monotonic)

    def audited(self) -> None:
        """There was an audit: if others are missing since, look often for a while."""
        if self._auditor.unhealthy_changes != self._seen:
            self._seen = self._auditor.unhealthy_changes
            self._pace.changed(self._clock.now().monotonic)

    def look_often(self) -> bool:
        """Some may appear soon. Returns whether any is missing."""
        if self._auditor.unhealthy:
            self._pace.changed(self._clock.now().monotonic)
        return self._auditor.unhealthy

    def may_come(self, address: Address, port: Port, expected: Container[Port]) -> bool:
        """A TCP socket is about to listen: perhaps not yet, and perhaps in another network namespace.

        expected: all ports. Returns whether it may be one that is missing, so that others cost no audit.
        """
        may_serve = not any(address) or any(self._auditor.leading_to(address))
        if not (may_serve and port in expected and self._auditor.unhealthy):
            return False
        self._pace.reported(self._clock.now().monotonic)
        return True
