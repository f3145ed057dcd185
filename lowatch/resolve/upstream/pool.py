"""The nameservers in use, and in which order to ask them."""

from __future__ import annotations

from collections.abc import Callable

from lowatch.config.settings import DnsSettings, Nameserver, Transport
from lowatch.resolve.system.resolv_conf import Nameservers
from lowatch.wire.dns import Reply, failure

from .channel import Channel, Environment, Pace
from .stream import StreamChannel
from .udp import UdpChannel

SENT_TO_SEE = 16
"""Queries at a time to a server that has been given up. All others fail at once: an outage of the only
server would otherwise keep every name waiting for its own timeout. Some more than the few names whose own
servers are dead, which may be what gave it up."""


class Upstreams:
    """A Channel per nameserver."""

    def __init__(self, environment: Environment, on_recovery: Callable[[], None]) -> None:
        """on_recovery: called when a server replies that had been given up."""
        self._environment = environment
        self._on_recovery = on_recovery
        self._nameservers = Nameservers()
        self._pace: Pace | None = None
        self._channels: tuple[Channel, ...] = ()
        self._turn = 0

    @property
    def attempts(self) -> int:
        """How often a silent server is asked before a lookup fails."""
        return self._nameservers.attempts

    def replace(self, nameservers: Nameservers, settings: DnsSettings) -> None:
        """Ask these from now on. One that stays keeps its channel; what the others owed fails."""
        pace = Pace(nameservers.timeout or settings.timeout, settings.max_qps, self._environment.spread)
        kept = {channel.server: channel for channel in self._channels if pace == self._pace}
        before = self._channels
        self._nameservers, self._pace = nameservers, pace
        self._channels = tuple(
            kept.get(server) or self._open(server, pace) for server in nameservers.servers
        )
        gone = failure("UNREACHABLE", "no longer a nameserver")
        for channel in set(before).difference(self._channels):
            for asked in channel.close():
                self._environment.done(channel, asked, gone, self._environment.now())

    @property
    def outage(self) -> bool:
        """Whether some server has been given up."""
        return any(channel.health.given_up for channel in self._channels)

    @property
    def steady(self) -> Channel | None:
        """The one that first() will be for now: no turns are taken, and it has left nothing unanswered."""
        if self._nameservers.rotate or not self._channels:
            return None
        channel = self._channels[0]
        return None if channel.health.unanswered else channel

    def first(self, now: float) -> Channel | None:
        """Whom to ask first: the first of candidates()."""
        channels = self._channels
        if self._nameservers.rotate and channels:
            self._turn = (self._turn + 1) % len(channels)
            channels = channels[self._turn :] + channels[: self._turn]
        for channel in channels:
            if now >= channel.health.shunned_until:
                return channel
        return next(iter(self.candidates(now)), None)

    def candidates(self, now: float) -> list[Channel]:
        """Whom to ask, first to last; those that were silent of late only where all were."""
        well = [channel for channel in self._channels if channel.health.admits(now)]
        return well or sorted(
            (c for c in self._channels if not c.health.given_up or c.load < SENT_TO_SEE),
            key=lambda channel: channel.health.shunned_until,
        )

    def nobody(self) -> Reply:
        """Why there is nobody to ask."""
        if not self._channels:
            return failure("UNREACHABLE", "no nameserver is known")
        reasons = sorted(f"{channel.name}: {channel.health.reason}" for channel in self._channels)
        return failure("UNREACHABLE", "; ".join(reasons))

    def close(self) -> None:
        for channel in self._channels:
            channel.close()
        self._channels = ()

    def _open(self, server: Nameserver, pace: Pace) -> Channel:
        kind = UdpChannel if server.transport is Transport.UDP else StreamChannel
        channel: Channel = kind(server, pace, self._environment)
        channel.health.on_recovery = self._on_recovery
        return channel
