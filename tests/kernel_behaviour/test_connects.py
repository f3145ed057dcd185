"""What a connect from this host to itself meets."""

from __future__ import annotations

import socket

import pytest

from tests.support.netns import Netns

VIP = "192.0.2.10"


@pytest.fixture(autouse=True)
def vip(netns: Netns) -> None:
    netns.ip("link set lo up")
    netns.ip(f"addr add {VIP}/32 dev lo")


def test_a_client_may_meet_itself() -> None:
    """TCP's simultaneous open (RFC 9293, 3.5): with its own port as the target, nobody need listen."""
    with socket.socket() as client:
        client.bind((VIP, 40_000))
        client.connect((VIP, 40_000))
        assert client.getsockname() == client.getpeername()


def test_an_empty_datagram_to_a_port_without_a_socket_is_refused_at_once() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(30)
        client.connect((VIP, 53))
        for _ in range(50):  # no rate limit on loopback
            client.send(b"")
            with pytest.raises(ConnectionRefusedError):
                client.recv(1)
