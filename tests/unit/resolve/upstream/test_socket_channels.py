"""Which channel a nameserver gets."""

from __future__ import annotations

import pytest

from lowatch.config.settings import Nameserver, Transport
from lowatch.resolve.upstream.channel import Pace
from lowatch.resolve.upstream.socket_channels import SocketChannels
from lowatch.resolve.upstream.stream_channel import StreamChannel
from lowatch.resolve.upstream.udp_channel import UdpChannel
from tests.support.aio import run_async
from tests.support.virtual_time import LoopClock
from tests.unit.resolve.asking import Counts
from tests.unit.resolve.scripted_channels import UnusedSink


@pytest.mark.parametrize(
    ("transport", "kind"),
    [(Transport.UDP, UdpChannel), (Transport.TCP, StreamChannel), (Transport.TLS, StreamChannel)],
)
def test_the_transport_decides(transport: Transport, kind: type) -> None:
    async def scenario() -> None:
        server = Nameserver("127.0.0.1", transport.port, transport)
        channel = SocketChannels(LoopClock(), Counts()).open(server, Pace(2.0, 200), UnusedSink())
        assert isinstance(channel, kind)
        assert (channel.server, channel.name, channel.load) == (server, str(server), 0)
        assert channel.close() == []

    run_async(scenario())
