"""The nameservers in use, and the order in which to ask them."""

from __future__ import annotations

from lowatch.config.settings import DnsSettings
from lowatch.resolve.nameservers import Nameservers
from lowatch.wire.dns import Reply, failure

from .channel import Channel, ChannelFactory, Pace, ReplySink

PROBES_IN_FLIGHT = 16
"""The most queries in flight to a server that has been given up. All others fail at once; otherwise every
name would wait for its own timeout during an outage of the only server. A few names whose own servers are
dead may be why it was given up: the number is large enough that they do not take all places."""


class Upstreams:
    """A Channel per nameserver."""

    def __init__(self, channels: ChannelFactory, sink: ReplySink, *, spread: bool) -> None:
        """spread: see RateLimit."""
        self._factory = channels
        self._sink = sink
        self._spread = spread
        self._nameservers = Nameservers()
        self._pace: Pace | None = None
        self._channels: tuple[Channel, ...] = ()
        self._turn = 0

    @property
    def attempts(self) -> int:
        """How often a silent server is asked before a lookup fails."""
        return self._nameservers.attempts

    def replace(self, nameservers: Nameservers, settings: DnsSettings, now: float) -> None:
        """Ask these servers from now on.

        Servers that stay keep their channel if the pace is the same. Questions to closed channels fail.
        """
        pace = Pace(nameservers.timeout or settings.timeout, settings.max_qps, self._spread)
        kept = {channel.server: channel for channel in self._channels if pace == self._pace}
        before = self._channels
        self._nameservers, self._pace = nameservers, pace
        self._channels = tuple(
            kept.get(server) or self._factory.open(server, pace, self._sink)
            for server in nameservers.servers
        )
        gone = failure("UNREACHABLE", "no longer configured as a nameserver")
        for channel in set(before).difference(self._channels):
            for question in channel.close():
                self._sink.on_reply(channel, question, gone, now)

    @property
    def outage(self) -> bool:
        """Whether some server has been given up."""
        return any(channel.health.given_up for channel in self._channels)

    @property
    def steady(self) -> Channel | None:
        """The channel that first() keeps returning for now; None if there may be another each time.

        There is one if servers are not rotated and the first has left nothing unanswered.
        """
        if self._nameservers.rotate or not self._channels:
            return None
        channel = self._channels[0]
        return None if channel.health.unanswered else channel

    def first(self, now: float) -> Channel | None:
        """The server to ask first: the first of candidates()."""
        channels = self._channels
        if self._nameservers.rotate and channels:
            self._turn = (self._turn + 1) % len(channels)
            channels = channels[self._turn :] + channels[: self._turn]
        for channel in channels:
            if now >= channel.health.shunned_until:
                return channel
        return next(iter(self.candidates(now)), None)

    def candidates(self, now: float) -> list[Channel]:
        """The servers to ask, in order; those that were silent recently only if all were."""
        healthy = [channel for channel in self._channels if channel.health.admits(now)]
        return healthy or sorted(
            (c for c in self._channels if not c.health.given_up or c.load < PROBES_IN_FLIGHT),
            key=lambda channel: channel.health.shunned_until,
        )

    def nobody(self) -> Reply:
        """The failure of a lookup for which there is no server to ask."""
        if not self._channels:
            return failure("UNREACHABLE", "no nameserver known")
        reasons = sorted(f"{channel.name}: {channel.health.reason}" for channel in self._channels)
        return failure("UNREACHABLE", "; ".join(reasons))

    def close(self) -> None:
        for channel in self._channels:
            channel.close()
        self._channels = ()
