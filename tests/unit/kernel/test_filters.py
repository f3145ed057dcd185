"""What the socket filters let through, run by a BPF machine of our own and accepted by the kernel's."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from contextlib import closing
from struct import pack

import pytest

from lowatch.core.addresses import Port
from lowatch.kernel.filters import attach, closed_socket_filter, route_event_filter
from lowatch.kernel.request_socket import open_socket
from lowatch.wire.netlink import HEADER
from tests.unit.kernel.bpf import passes

LINK, ADDRESS, ROUTE, ROUTE_GONE, RULE = 16, 20, 24, 25, 32
UNICAST, LOCAL, BLACKHOLE = 1, 2, 6
MAIN, TABLE_LOCAL = 254, 255
V4, V6 = 2, 10


def event(kind: int, body: bytes = bytes(32)) -> bytes:
    return HEADER.pack(HEADER.size + len(body), kind, 0, 0, 0) + body


def route(kind: int, route_type: int, table: int) -> bytes:
    return event(kind, pack("=BBBBBBBBI", V4, 32, 0, 0, table, 2, 0, route_type, 0))


def destroyed(sport: int, dport: int = 0, dst: bytes = bytes(16), family: int = V4) -> bytes:
    ports = pack("!HH", sport, dport)
    return event(20, bytes([family, 7, 0, 0]) + ports + b"source address.." + dst + bytes(28))


@pytest.mark.parametrize(
    ("datagram", "passed"),
    [
        (event(LINK), True),
        (event(LINK + 1), True),
        (event(ADDRESS), True),
        (event(ADDRESS + 1), True),
        (event(RULE), True),
        (event(RULE + 1), True),
        (route(ROUTE, LOCAL, TABLE_LOCAL), True),
        (route(ROUTE_GONE, LOCAL, TABLE_LOCAL), True),
        (route(ROUTE, LOCAL, MAIN), True),
        (route(ROUTE, LOCAL, 0), True),
        (route(ROUTE, UNICAST, TABLE_LOCAL), True),
        (route(ROUTE, BLACKHOLE, TABLE_LOCAL), True),
        (route(ROUTE, UNICAST, MAIN), False),
        (route(ROUTE_GONE, UNICAST, MAIN), False),
        (route(ROUTE, BLACKHOLE, 100), False),
        (event(ROUTE, b"1234"), False),
    ],
)
def test_route_events(datagram: bytes, passed: bool) -> None:
    """Local routes of any table, and whatever table local has: it may route an address away."""
    assert passes(route_event_filter(), datagram) is passed


WATCHED = [Port(80, "tcp"), Port(443, "tcp"), Port(443, "udp"), Port(53, "udp")]


@pytest.mark.parametrize(
    ("datagram", "passed"),
    [
        (destroyed(80), True),
        (destroyed(443), True),
        (destroyed(53), True),
        (destroyed(443, family=V6), True),
        (destroyed(81), False),
        (destroyed(0), False),
        (destroyed(80, dport=33000, dst=b"\xc0\0\2\1" + bytes(12)), False),
        (destroyed(80, dport=33000), False),
        (destroyed(80, dst=b"\xc0\0\2\1" + bytes(12)), False),
        (destroyed(80, dst=bytes(15) + b"\1"), False),
        (destroyed(80)[:50], False),
    ],
    ids=[
        "tcp", "both", "udp", "v6", "another port", "port 0", "a connection", "no address",
        "closed by a reset", "v6 closed by a reset", "cut short",
    ],
)  # fmt: skip
def test_closed_sockets(datagram: bytes, passed: bool) -> None:
    """dport alone does not tell: a socket closed by a reset has 0 there too."""
    assert passes(closed_socket_filter(WATCHED), datagram) is passed


@pytest.mark.parametrize("count", [0, 1, 2, 100, 239, 240, 241, 300, 65535])
def test_any_number_of_ports(count: int) -> None:
    """With more than fit the 8-bit jumps, all pass: a filter may let too much through, never too little."""
    program = closed_socket_filter(tcp(range(1, count + 1)))
    watched = {1, count // 2 + 1, count} & set(range(1, count + 1))
    assert all(passes(program, destroyed(number)) for number in watched)
    assert passes(program, destroyed(65535)) is (count > 240)
    assert not passes(program, destroyed(1, dport=9))


def tcp(numbers: Iterable[int]) -> list[Port]:
    return [Port(number, "tcp") for number in numbers]


@pytest.mark.parametrize(
    "program",
    [
        route_event_filter(),
        closed_socket_filter([]),
        closed_socket_filter(WATCHED),
        closed_socket_filter(tcp(range(1, 241))),
        closed_socket_filter(tcp(range(1, 999))),
    ],
    ids=["routes", "no ports", "some ports", "240 ports", "all ports"],
)
def test_the_kernel_takes_it(program: bytes) -> None:
    """It checks that each jump ends inside, and each path in a return."""
    with closing(open_socket(socket.NETLINK_ROUTE)) as sock:
        attach(sock, program)
        attach(sock, program)  # replacing the one that is there


def test_the_kernel_runs_it() -> None:
    """As our machine does: on datagrams through a socket pair."""
    programs = (route_event_filter(), closed_socket_filter(WATCHED))
    datagrams = [route(ROUTE, LOCAL, MAIN), route(ROUTE, UNICAST, MAIN), destroyed(80), destroyed(81)]
    for program in programs:
        left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        with left, right:
            attach(right, program)
            for datagram in datagrams:
                left.send(datagram)
            arrived = []
            while len(arrived) < sum(passes(program, datagram) for datagram in datagrams):
                arrived.append(right.recv(999))
            with pytest.raises(BlockingIOError):
                right.recv(999)
        assert arrived == [datagram for datagram in datagrams if passes(program, datagram)]
