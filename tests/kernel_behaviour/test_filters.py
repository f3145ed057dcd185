"""lowatch's socket filters, run by the kernel on its own events: the right ones arrive, floods do not."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest

from lowatch.core.addresses import Port
from lowatch.kernel.filters import closed_socket_filter, route_event_filter
from lowatch.wire import inet_diag, rtnetlink
from tests.kernel_behaviour.asking import NETLINK_ROUTE, NETLINK_SOCK_DIAG, Ear, hearing, settle
from tests.support.netns import Netns


class TestRoutes:
    @pytest.mark.parametrize(
        "command",
        [
            "addr add 192.0.2.10/32 dev lo",
            "addr add 2001:db8::1/128 dev lo",
            "route add local 10.9.0.0/16 dev lo",
            "route add local 10.9.0.0/16 dev lo table 100",
            "route add local 10.9.0.0/16 dev lo table 1000",
            "route add local 2001:db8:9::/48 dev lo",
            "route add blackhole 10.9.0.0/16 table local",
            "route add 10.9.0.0/16 dev eth0 table local",
            "rule add pref 50 to 192.0.2.10 blackhole",
            "-6 rule add pref 50 to 2001:db8::1 blackhole",
            "link set eth0 down",
            "link set spare name eth9",  # Linux 6.1 renames no link that is up
            "link del eth0",
        ],
    )
    def test_what_may_matter_arrives(self, netns: Netns, command: str) -> None:
        with self.filtered(netns) as ear:
            netns.ip(command)
            assert ear.so_far()

    def test_a_flood_of_other_routes_does_not(self, netns: Netns) -> None:
        with self.filtered(netns) as ear:
            routes = [f"10.9.{n >> 4}.{n & 15}/32 dev eth0" for n in range(500)]
            routes += [f"2001:db8:9::{n:x} dev eth0" for n in range(500)]
            for verb in ("add", "del"):
                netns.batch(f"route {verb} {route}" for route in routes)
            assert ear.so_far() == []

    @contextmanager
    def filtered(self, netns: Netns) -> Iterator[Ear]:
        netns.batch(["link add eth0 type bridge", "link set eth0 addrgenmode none", "link set eth0 up"])
        netns.ip("link add spare type bridge")
        settle(netns)
        with hearing(NETLINK_ROUTE, *rtnetlink.GROUPS, program=route_event_filter()) as ear:
            yield ear


class TestSockets:
    WATCHED = (Port(80, "tcp"), Port(53, "udp"))

    @pytest.mark.parametrize("address", ["192.0.2.10", "0.0.0.0", "::", "2001:db8::1", "::ffff:192.0.2.10"])
    @pytest.mark.parametrize("ports", [WATCHED, [Port(n, "tcp") for n in (*range(1, 240), 40000)]])
    def test_closed_listeners_on_watched_ports_arrive(
        self, netns: Netns, address: str, ports: Iterable[Port]
    ) -> None:
        options = {"v6only": False, "freebind": True} if "::" in address else {"freebind": True}
        with filtered(ports) as ear:
            netns.listener(address, 80, **options).close()
            netns.udp(address, 53, **options).close()
            assert closed(ear, 80, 53) == {80, 53}

    def test_others_do_not(self, netns: Netns) -> None:
        """Connections, however they end, and sockets on other ports."""
        server = netns.listener("127.0.0.1", 80, backlog=100)
        with filtered(self.WATCHED) as ear:
            for number in range(60):
                client = netns.sockets.connect("127.0.0.1", 80)
                accepted, _ = server.accept()
                if number % 2:
                    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                for one in (accepted, client) if number % 3 else (client, accepted):
                    one.close()
            for number in range(8000, 8060):
                netns.udp("0.0.0.0", number).close()
            netns.udp("127.0.0.1", 53).close()
            assert closed(ear, 53) == {53}

    def test_beyond_what_jumps_can_span_every_port_arrives(self, netns: Netns) -> None:
        with filtered(Port(n, "tcp") for n in range(1, 300)) as ear:
            netns.listener("127.0.0.1", 8080).close()
            netns.listener("127.0.0.1", 299).close()
            assert closed(ear, 8080, 299) >= {8080, 299}  # and 0, of sockets that were never bound

    def test_no_ports_at_all(self, netns: Netns) -> None:
        with filtered(()) as nothing, filtered(self.WATCHED) as something:
            netns.listener("127.0.0.1", 80).close()
            assert closed(something, 80) == {80}
            assert nothing.so_far() == []


@contextmanager
def filtered(ports: Iterable[Port]) -> Iterator[Ear]:
    with hearing(NETLINK_SOCK_DIAG, *inet_diag.DESTROY_GROUPS, program=closed_socket_filter(ports)) as ear:
        yield ear


def closed(ear: Ear, *expected: int) -> set[int]:
    """The ports of all that arrives until the expected ones have. (In any order: a work queue sends.)"""
    ports: set[int] = set()
    while not ports >= set(expected):
        ports |= {inet_diag.parse_socket(e.data, e.start, e.end).port for e in ear.until(lambda _: True)}
    return ports
