"""The nameservers in use, and in which order to ask them."""

from __future__ import annotations

from lowatch.config.schema import DnsSettings
from lowatch.wire.dns import failure

from .channel import Channel, Environment, Pace
from .nameservers import Nameservers


class Upstreams:
    """A Channel per nameserver."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._nameservers = Nameservers()
        self._channels: tuple[Channel, ...] = ()
        self._turn = 0

    @property
    def attempts(self) -> int:
        """How often a silent server is asked before a lookup fails."""
        return self._nameservers.attempts

    def replace(self, nameservers: Nameservers, settings: DnsSettings) -> None:
        """Ask these from now on. One that stays keeps its channel; what the others owed fails."""
        pace = Pace(nameservers.timeout or settings.timeout, settings.max_qps)
        kept = {channel.server: channel for channel in self._channels if channel.pace == pace}
        before = self._channels
        self._nameservers = nameservers
        self._channels = tuple(
            kept.get(server) or Channel(server, pace, self._environment) for server in nameservers.servers
        )
        for channel in set(before).difference(self._channels):
            for done in channel.close():
                done(channel, failure("UNREACHABLE", "no longer a nameserver"), self._environment.now())

    def candidates(self, now: float) -> list[Channel]:
        """Whom to ask, first to last; those that were silent of late only where all were."""
        channels = self._channels
        if self._nameservers.rotate and channels:
            self._turn = (self._turn + 1) % len(channels)
            channels = channels[self._turn :] + channels[: self._turn]
        return [channel for channel in channels if channel.health.admits(now)] or sorted(
            channels, key=lambda channel: channel.health.shunned_until
        )

    def close(self) -> None:
        for channel in self._channels:
            channel.close()
        self._channels = ()
