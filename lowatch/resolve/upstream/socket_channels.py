"""Channels over UDP, TCP or TLS sockets, as configured for each nameserver."""

from __future__ import annotations

from random import Random, SystemRandom

from lowatch.config.settings import Nameserver, Transport
from lowatch.core.clock import Clock

from .channel import Channel, ChannelContext, Pace, QueryObserver, ReplySink
from .response_reader import ResponseReader
from .stream_channel import StreamChannel
from .udp_channel import UdpChannel

_UNPREDICTABLE = SystemRandom()


class SocketChannels:
    """A ChannelFactory. A new transport is one more branch in open().

    reader: reads the responses; one that checks a few of them unless another is given.
    """

    def __init__(
        self,
        clock: Clock,
        observer: QueryObserver,
        random: Random = _UNPREDICTABLE,
        reader: ResponseReader | None = None,
    ) -> None:
        self._context = ChannelContext(clock, observer, reader or ResponseReader(observer), random)

    def open(self, server: Nameserver, pace: Pace, sink: ReplySink) -> Channel:
        if server.transport is Transport.UDP:
            return UdpChannel(server, pace, sink, self._context)
        return StreamChannel(server, pace, sink, self._context)
