"""Host: which sockets serve, and which are gone."""

from __future__ import annotations

import asyncio
import os
import random
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from lowatch.core.addresses import Port, format_address, parse_address
from lowatch.core.known import Unknown
from lowatch.core.listeners import Endpoint, Listener
from lowatch.kernel import event_socket
from lowatch.kernel.host import Host
from lowatch.kernel.request_socket import NETLINK_SOCK_DIAG, NetlinkError, RequestSocket, open_socket
from tests.netns.following import DNS, EVERY_INTERFACE, HTTP, caught_up, following
from tests.support.aio import run_async
from tests.support.netns import Netns

_SO_LOCK_FILTER = 44


class TestSockets:
    def test_closed_sockets_on_watched_ports_are_reported(self, netns: Netns) -> None:
        async def live() -> None:
            async with following() as (_, hints):
                netns.listener("127.0.0.1", 80).close()
                netns.listener("::", 80).close()
                netns.listener("::ffff:127.0.0.1", 80, v6only=False).close()
                netns.udp("0.0.0.0", 53).close()
                netns.listener("127.0.0.1", 81).close()
                async with asyncio.timeout(5):
                    while len(hints.closed) < 4:
                        await asyncio.sleep(0.001)
                assert set(hints.closed) == {("127.0.0.1", 80), ("::", 80), ("0.0.0.0", 53)}
                assert hints.events["destroy"] == len(hints.closed) == 4

        run_async(live())

    def test_the_ports_may_change(self, netns: Netns) -> None:
        async def live() -> None:
            async with following([HTTP]) as (host, hints):
                host.follow_ports([DNS, Port(8080, "tcp")])
                netns.listener("127.0.0.1", 80).close()
                netns.listener("127.0.0.1", 8080).close()
                async with asyncio.timeout(5):
                    while not hints.closed:
                        await asyncio.sleep(0.001)
                assert hints.closed == [("127.0.0.1", 8080)]

        run_async(live())

    def test_a_filter_that_cannot_be_replaced_takes_another_socket(
        self, netns: Netns, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As for want of memory; a locked filter refuses as well (socket(7))."""
        opened = dict[int, socket.socket]()  # the first of each protocol

        def opening(protocol: int) -> socket.socket:
            sock = open_socket(protocol)
            opened.setdefault(protocol, sock)
            return sock

        monkeypatch.setattr(event_socket, "open_socket", opening)

        async def live() -> None:
            async with following([HTTP]) as (host, hints):
                opened[NETLINK_SOCK_DIAG].setsockopt(socket.SOL_SOCKET, _SO_LOCK_FILTER, 1)
                host.follow_ports([Port(8080, "tcp")])
                assert hints.overruns == 1, "a close may have been missed: whoever listens looks"
                netns.listener("127.0.0.1", 8080).close()
                async with asyncio.timeout(5):
                    while not hints.closed:
                        await asyncio.sleep(0.001)
                assert hints.closed == [("127.0.0.1", 8080)]

        run_async(live())

    def test_a_closing_host_hears_nothing_more(self, netns: Netns) -> None:
        async def live() -> None:
            async with following() as (host, hints):
                host.close()
                netns.ip("addr add 192.0.2.1/32 dev lo")
                await caught_up()
                assert not hints.events

        run_async(live())


@pytest.fixture
def host(netns: Netns) -> Iterator[Host]:
    netns.batch(["link add eth0 type bridge", "link set eth0 up", "addr add 192.0.2.10/32 dev lo"])
    with closing(Host(EVERY_INTERFACE)) as made:
        made.refresh()
        yield made


def served(host: Host, *addresses: str) -> list[bool]:
    """Whether anybody serves 80/tcp there; routing is asked first, as every audit does."""
    parsed = [parse_address(address) for address in addresses]
    host.deliveries(parsed)
    return [isinstance(one, Listener) for one in host.listeners([Endpoint(a, HTTP) for a in parsed])]


class TestDeviceBound:
    """SO_BINDTODEVICE is judged by the device that holds the address, wherever that moves."""

    def test_the_address_moves(self, netns: Netns, host: Host) -> None:
        netns.listener("192.0.2.10", 80, device="eth0")
        assert served(host, "192.0.2.10") == [False]
        netns.batch(["addr del 192.0.2.10/32 dev lo", "addr add 192.0.2.10/32 dev eth0"])
        assert served(host, "192.0.2.10") == [True]
        netns.batch(["addr del 192.0.2.10/32 dev eth0", "addr add 192.0.2.10/32 dev lo"])
        assert served(host, "192.0.2.10") == [False]

    def test_it_moves_between_different_questions(self, netns: Netns, host: Host) -> None:
        """What is remembered of one question must not outlive what another one learnt."""
        netns.listener("192.0.2.10", 80, device="eth0")
        alone, among_others = ("192.0.2.10",), ("192.0.2.10", "198.51.100.1")
        for device, question in (("eth0", alone), ("lo", among_others), ("eth0", alone)) * 2:
            netns.batch(["addr flush to 192.0.2.10", f"addr add 192.0.2.10/32 dev {device}"])
            assert served(host, *question)[0] is (device == "eth0"), (device, question)


@pytest.mark.parametrize(
    ("written", "reached"),
    [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("::ffff:192.0.2.10", "192.0.2.10")],
)
def test_addresses_that_stand_for_others(netns: Netns, host: Host, written: str, reached: str) -> None:
    assert host.may_be_local(parse_address(written))
    assert host.deliveries([parse_address(written)]) == host.deliveries([parse_address(reached)])
    assert served(host, written) == [False]
    netns.listener(reached, 80)
    assert served(host, written) == [True]


def test_every_answer_in_the_order_of_the_questions(netns: Netns, host: Host) -> None:
    """More than one send() can hold, of both protocols, asked twice and in other orders."""
    inodes = {}
    for n in range(100):
        netns.listener("192.0.2.10", 1000 + 2 * n)
    endpoints = [Endpoint(parse_address("192.0.2.10"), Port(1000 + n, "tcp")) for n in range(200)]
    for _ in range(3):
        for endpoint, listener in zip(endpoints, host.listeners(endpoints), strict=True):
            even = endpoint.port.number % 2 == 0
            assert isinstance(listener, Listener) if even else listener is None
            if isinstance(listener, Listener):
                assert inodes.setdefault(endpoint, listener.inode) == listener.inode
        random.shuffle(endpoints)
    assert len(set(inodes.values())) == 100


def test_bound_addresses(netns: Netns, host: Host) -> None:
    """Of sockets that serve and of connected ones; mapped ones as what they serve."""
    netns.listener("192.0.2.10", 80)
    netns.listener("::ffff:127.0.0.9", 81, v6only=False)
    netns.udp("::1", 53)
    netns.udp("127.0.0.7", 54).connect(("127.0.0.1", 9))
    sockets = host.sockets()
    assert not isinstance(sockets, Unknown)
    found = {format_address(address) for address in sockets.value.bound}
    assert found == {"192.0.2.10", "127.0.0.9", "::1", "127.0.0.7"}
    assert not sockets.value.wildcards


def test_wildcards(netns: Netns, host: Host) -> None:
    """Whose addresses a socket serves that is bound to none; one that only connects out serves nobody."""
    netns.listener("0.0.0.0", 80)
    netns.listener("::", 443, v6only=False)
    netns.listener("::", 22, v6only=True)
    netns.udp("0.0.0.0", 53)
    netns.udp("::", 123)  # dual-stack
    sockets = host.sockets()
    assert not isinstance(sockets, Unknown)
    assert {f"{family} {port}" for family, port in sockets.value.wildcards} == {
        "ipv4 80/tcp", "ipv4 443/tcp", "ipv6 443/tcp", "ipv6 22/tcp",
        "ipv4 53/udp", "ipv4 123/udp", "ipv6 123/udp",
    }  # fmt: skip


def test_a_dump_reflects_every_socket_of_many(netns: Netns, host: Host) -> None:
    netns.ip("route add local 10.9.0.0/16 dev lo")
    wanted = {f"10.9.{n >> 8}.{n & 255}" for n in range(700)}
    for address in wanted:
        netns.listener(address, 80)
    sockets = host.sockets()
    assert not isinstance(sockets, Unknown)
    assert {format_address(address) for address in sockets.value.bound} == wanted


MAPPED = "::ffff:192.0.2.10"


@pytest.mark.parametrize(
    ("address", "options", "target"),
    [
        ("192.0.2.10", {}, "192.0.2.10"),
        ("0.0.0.0", {}, "192.0.2.10"),
        (MAPPED, {"v6only": False}, "192.0.2.10"),
        ("::", {"v6only": False}, "192.0.2.10"),
        ("::", {"v6only": True}, "2001:db8::10"),
        ("2001:db8::10", {}, "2001:db8::10"),
        ("0.0.0.0", {"device": "lo"}, "192.0.2.10"),
    ],
)
def test_a_full_member_of_a_reuseport_group(
    netns: Netns, address: str, options: dict[str, bool | str], target: str
) -> None:
    netns.batch(["addr add 192.0.2.10/32 dev lo", "addr add 2001:db8::10/128 dev lo nodad"])
    endpoint = Endpoint(parse_address(target), HTTP)
    full = netns.full_listener(address, 80, reuseport=True, **options)
    with closing(Host(EVERY_INTERFACE)) as host:
        host.refresh()
        [alone] = host.listeners([endpoint])
        assert isinstance(alone, Listener)
        assert host.full_beside(alone, 80) == alone
        room = netns.listener(address, 80, reuseport=True, **options)
        beside = alone._replace(inode=os.fstat(room.fileno()).st_ino, queued=0, backlog=16)
        assert host.full_beside(beside, 80) == alone
        assert host.full_beside(beside, 81) is None
        full.accept()[0].close()
        assert host.full_beside(beside, 80) is None


def test_a_full_listener_that_is_in_no_group_with_it(netns: Netns) -> None:
    """Same port, and yet no client of the one meets the other."""
    netns.ip("addr add 192.0.2.10/32 dev lo")
    netns.full_listener("::", 80, v6only=True)
    netns.full_listener("0.0.0.0", 80, device="lo", reuseport=True)
    netns.listener("0.0.0.0", 80, reuseport=True)
    netns.listener("192.0.2.10", 80, reuseport=True)
    with closing(Host(EVERY_INTERFACE)) as host:
        host.refresh()
        [serves] = host.listeners([Endpoint(parse_address("192.0.2.10"), HTTP)])
        assert isinstance(serves, Listener)
        assert host.full_beside(serves, 80) is None
        wildcard = serves._replace(address=parse_address("0.0.0.0"))
        assert host.full_beside(wildcard, 80) is None, "that inode is not bound to it"


def test_whether_a_member_is_full_is_unknown(netns: Netns, monkeypatch: pytest.MonkeyPatch) -> None:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    netns.listener("192.0.2.10", 80)
    with closing(Host(EVERY_INTERFACE)) as host:
        host.refresh()
        [serves] = host.listeners([Endpoint(parse_address("192.0.2.10"), HTTP)])
        assert isinstance(serves, Listener)

        def refuse(*_: object) -> None:
            raise NetlinkError("Operation not permitted")

        monkeypatch.setattr(RequestSocket, "dump", refuse)
        assert host.full_beside(serves, 80) == Unknown(
            "sock_diag", "the kernel cannot list tcp sockets (module tcp_diag): Operation not permitted"
        )
