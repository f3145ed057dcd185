"""The sockets to one nameserver."""

from __future__ import annotations

import asyncio
import socket

import pytest

from lowatch.config.settings import Nameserver
from lowatch.resolve.upstream.udp_sockets import (
    QUERIES_PER_PORT,
    UdpSockets,
    is_on_this_host,
    socket_address,
)
from tests.support.aio import run_async
from tests.support.netns import Netns


class Owner:
    """in_use: where replies are still expected."""

    def __init__(self) -> None:
        self.in_use: set[socket.socket] = set()
        self.readable = asyncio.Event()

    def on_readable(self, sock: socket.socket) -> None:
        sock.recv(100)
        self.readable.set()

    def sockets_in_use(self) -> set[socket.socket]:
        return self.in_use


@pytest.mark.parametrize(
    ("host", "on_this_host"),
    [("127.0.0.53", True), ("::1", True), ("192.0.2.53", False), ("fe80::1%lo", False)],
)
def test_only_loopback_is_on_this_host(host: str, on_this_host: bool) -> None:
    assert is_on_this_host(Nameserver(host)) is on_this_host


def test_addresses_as_connect_takes_them() -> None:
    assert socket_address(Nameserver("192.0.2.53")) == (socket.AF_INET, ("192.0.2.53", 53))
    assert socket_address(Nameserver("2001:db8::53", 5353)) == (socket.AF_INET6, ("2001:db8::53", 5353))
    assert socket_address(Nameserver("fe80::1%lo")) == (socket.AF_INET6, ("fe80::1", 53, 0, 1))
    with pytest.raises(OSError, match=r"interface|device"):
        socket_address(Nameserver("fe80::1%nowhere"))


def test_off_the_host_the_source_port_changes_after_so_many_queries(netns: Netns) -> None:
    netns.ip("link set lo up")
    netns.ip("addr add 192.0.2.53/32 dev lo")

    async def scenario() -> None:
        owner = Owner()
        sockets = UdpSockets(Nameserver("192.0.2.53"), owner)
        first, count = sockets.take(QUERIES_PER_PORT + 10)
        assert count == QUERIES_PER_PORT
        owner.in_use = {first}
        second, count = sockets.take(10)
        assert count == 10
        assert first.getsockname() != second.getsockname()
        owner.in_use = set()
        sockets.renew()
        assert first.fileno() == second.fileno() == -1
        sockets.close()

    run_async(scenario())


def test_on_the_host_it_stays_and_what_comes_is_reported() -> None:
    async def scenario() -> None:
        owner = Owner()
        with socket.socket(type=socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))
            sockets = UdpSockets(Nameserver(*server.getsockname()), owner)
            sock, count = sockets.take(QUERIES_PER_PORT + 10)
            assert count == QUERIES_PER_PORT + 10
            assert sockets.take(1)[0] is sock
            server.sendto(b"reply", sock.getsockname())
            async with asyncio.timeout(30):
                await owner.readable.wait()
            sockets.close()
            assert sock.fileno() == -1

    run_async(scenario())
