"""When the answer to a netlink request is there."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from lowatch.core.addresses import parse_address
from lowatch.wire.netlink import spans
from lowatch.wire.rtnetlink import RTM_NEWROUTE, get_route
from tests.kernel_behaviour.asking import NETLINK_ROUTE, netlink_socket
from tests.support.netns import Netns

BATCH = 64


def test_a_reply_is_queued_when_send_returns(netns: Netns) -> None:
    """So asking never waits."""
    netns.ip("addr add 192.0.2.10/32 dev lo")
    with closing(netlink_socket(NETLINK_ROUTE)) as sock:
        sock.setblocking(False)
        sock.send(get_route(7, parse_address("192.0.2.10")))
        [reply] = spans(sock.recv(8192))
        assert (reply.type, reply.sequence) == (RTM_NEWROUTE, 7)
        with pytest.raises(BlockingIOError):
            sock.recv(8192)


def test_requests_in_one_send_are_answered_in_order_and_fit_the_default_buffer(netns: Netns) -> None:
    netns.ip("addr add 2001:db8::10/128 dev lo nodad")
    address = parse_address("2001:db8::10")
    with closing(netlink_socket(NETLINK_ROUTE)) as sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == default_buffer()
        sock.setblocking(False)
        sock.send(b"".join(get_route(number, address) for number in range(BATCH)))
        sequences = [span.sequence for _ in range(BATCH) for span in spans(sock.recv(8192))]
    assert sequences == list(range(BATCH))


def default_buffer() -> int:
    """net.core.rmem_default, as any new socket has it: Linux 6.1 shows it to the first namespace only."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
