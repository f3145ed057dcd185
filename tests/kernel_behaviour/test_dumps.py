"""What can befall a dump, and a receive buffer."""

from __future__ import annotations

import errno
import socket
from contextlib import closing

import pytest

from lowatch.wire.netlink import NLM_F_DUMP_INTR, NLMSG_DONE, Span, spans
from lowatch.wire.rtnetlink import (
    AF_INET,
    GROUP_IPV4_IFADDR,
    RTM_NEWADDR,
    dump_addresses,
    dump_local_routes,
    parse_address,
    parse_route,
)
from tests.kernel_behaviour.asking import NETLINK_ROUTE, Ear, address_in, hearing, netlink_socket
from tests.support.netns import Netns

NETLINK_GET_STRICT_CHK = 12
SOL_NETLINK = 270


def dump(sock: socket.socket, request: bytes) -> list[tuple[bytes, Span]]:
    sock.send(request)
    return receive(sock)


def receive(sock: socket.socket) -> list[tuple[bytes, Span]]:
    """The rest of a dump."""
    found: list[tuple[bytes, Span]] = []
    while not found or found[-1][1].type != NLMSG_DONE:
        data = sock.recv(1 << 18)
        found += [(data, span) for span in spans(data)]
    return found


def many(netns: Netns, count: int) -> None:
    netns.batch(f"addr add 10.0.{n >> 8}.{n & 255}/32 dev lo" for n in range(count))


@pytest.mark.parametrize("change", ["addr add 192.0.2.10/32 dev lo", "addr del 10.0.1.0/32 dev lo"])
def test_a_change_inside_a_dump_is_flagged(netns: Netns, change: str) -> None:
    """Each recv() continues the dump: what changes in between may be missed. NLM_F_DUMP_INTR says so."""
    many(netns, 1500)
    with closing(netlink_socket(NETLINK_ROUTE)) as sock:
        assert not any(span.flags & NLM_F_DUMP_INTR for _, span in dump(sock, dump_addresses(0)))
        sock.send(dump_addresses(0))
        assert spans(sock.recv(1 << 18))[-1].type == RTM_NEWADDR, "there is more to come"
        netns.ip(change)
        rest = receive(sock)
        assert any(span.flags & NLM_F_DUMP_INTR for _, span in rest)


def test_strict_checking_filters_routes_in_the_kernel(netns: Netns) -> None:
    """Without it, the whole main table comes along."""
    netns.batch(["link add eth0 type bridge", "link set eth0 up", "addr add 10.1.2.3/24 dev eth0"])
    with closing(netlink_socket(NETLINK_ROUTE)) as sock:
        loose = _route_types(dump(sock, dump_local_routes(0, AF_INET)))
        sock.setsockopt(SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1)
        strict = _route_types(dump(sock, dump_local_routes(0, AF_INET)))
    assert strict == {2}
    assert strict < loose


def _route_types(found: list[tuple[bytes, Span]]) -> set[int]:
    routes = [parse_route(data, span.start, span.end) for data, span in found[:-1]]
    return {route.shape.type for route in routes if route is not None}


def test_a_dump_ends_with_done_maybe_in_the_last_datagram(netns: Netns) -> None:
    with closing(netlink_socket(NETLINK_ROUTE)) as sock:
        found = dump(sock, dump_addresses(0))
    assert [span.type for _, span in found[:-1]] == [RTM_NEWADDR] * (len(found) - 1)
    assert all(parse_address(data, span.start, span.end) for data, span in found[:-1])


class TestReceiveBuffer:
    def test_a_wish_beyond_rmem_max_is_silently_clamped(self) -> None:
        """Without net.core.rmem_max, which Linux 6.1 shows to the first network namespace only."""
        with closing(netlink_socket(NETLINK_ROUTE)) as sock:
            most = wished(sock, 1 << 30)
            assert most < 1 << 30
            assert wished(sock, most // 2 + 1000) == most
            assert wished(sock, most // 2) == most
            assert wished(sock, most // 2 - 1000) == most - 2000

    def test_an_overrun_is_reported_once_and_the_socket_carries_on(self, netns: Netns) -> None:
        with hearing(NETLINK_ROUTE, GROUP_IPV4_IFADDR) as ear:
            ear.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)  # the least there is
            many(netns, 100)
            with pytest.raises(OSError) as told:  # noqa: PT011 - it is the errno that matters
                drain(ear)
            assert told.value.errno == errno.ENOBUFS
            kept = drain(ear)
            assert kept < 100
            netns.ip("addr add 192.0.2.10/32 dev lo")
            assert address_in(ear.until(lambda event: event.type == RTM_NEWADDR)[-1]) == "192.0.2.10"


def wished(sock: socket.socket, size: int) -> int:
    """What the socket then has: twice that, for the kernel's own book-keeping (socket(7))."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


def drain(ear: Ear) -> int:
    return len(ear.so_far())
