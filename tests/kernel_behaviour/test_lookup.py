"""The exact lookup of sock_diag is the kernel's own demultiplexer: it names whom a connect() reaches."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable

import pytest

from tests.kernel_behaviour.asking import LO, connects, inode, lookup, settle
from tests.support.netns import Netns

VIP, V6VIP = "192.0.2.10", "2001:db8::1"


@pytest.fixture
def vip(netns: Netns) -> Netns:
    """A VIP of either family on lo; eth0, up, with an address of its own."""
    netns.batch(
        [
            f"addr add {VIP}/32 dev lo",
            f"addr add {V6VIP}/128 dev lo",
            "link add eth0 type veth peer name eth1",
            "link set eth0 up",
            "addr add 198.51.100.1/24 dev eth0",
        ]
    )
    settle(netns)
    return netns


@pytest.mark.parametrize(
    ("target", "address", "options"),
    [
        (VIP, "0.0.0.0", {}),
        (VIP, VIP, {}),
        (VIP, VIP, {"reuseport": True}),
        (VIP, VIP, {"mptcp": True}),
        (VIP, "0.0.0.0", {"mptcp": True}),
        (VIP, "::", {"v6only": False}),
        (VIP, f"::ffff:{VIP}", {"v6only": False}),
        (VIP, "0.0.0.0", {"device": "lo"}),
        (VIP, VIP, {"device": "lo"}),
        (V6VIP, V6VIP, {}),
        (V6VIP, "::", {"v6only": True}),
        (V6VIP, "::", {"v6only": False}),
        (V6VIP, "::", {"device": "lo"}),
    ],
)
def test_who_serves(vip: Netns, target: str, address: str, options: dict[str, bool]) -> None:
    listener = vip.listener(address, 80, **options)
    found = lookup(target, "80/tcp")
    assert found is not None
    assert found.inode == inode(listener)
    assert connects(target)
    listener.settimeout(5)
    listener.accept()[0].close()


@pytest.mark.parametrize(
    ("target", "open_one"),
    [
        (VIP, lambda netns: netns.listener("::", 80, v6only=True)),
        (VIP, lambda netns: netns.listener("127.0.0.1", 80)),
        (VIP, lambda netns: netns.listener("198.51.100.1", 80)),
        (VIP, lambda netns: netns.listener("0.0.0.0", 80, device="eth0")),
        (VIP, lambda netns: netns.listener(VIP, 80, device="eth0")),
        (VIP, lambda netns: netns.listener("203.0.113.9", 80, freebind=True)),
        (VIP, lambda netns: netns.listener(VIP, 81)),
        (VIP, lambda netns: netns.sockets.bound(VIP, 80)),
        (VIP, lambda netns: netns.sockets.bound("0.0.0.0", 80)),
        (VIP, lambda netns: netns.udp(VIP, 80)),
        (V6VIP, lambda netns: netns.listener("0.0.0.0", 80)),
        (V6VIP, lambda netns: netns.listener("::1", 80)),
        (V6VIP, lambda netns: netns.listener("::", 80, device="eth0")),
    ],
)
def test_who_does_not(vip: Netns, target: str, open_one: Callable[[Netns], socket.socket]) -> None:
    open_one(vip)
    assert lookup(target, "80/tcp") is None
    assert not connects(target)


def test_an_mptcp_listener_shows_as_tcp_with_the_inode_of_its_descriptor(vip: Netns) -> None:
    listener = vip.listener(VIP, 80, mptcp=True)
    found = lookup(VIP, "80/tcp")
    assert found is not None
    assert found.inode == inode(listener)


def test_in_a_reuseport_group_the_clients_port_decides_who_gets_a_connect(vip: Netns) -> None:
    """One that is full stays in the group: clients that are meant for it time out."""
    full = vip.full_listener(VIP, 80, reuseport=True)
    room = vip.listener(VIP, 80, reuseport=True, backlog=128)
    met = set[bool]()
    for _ in range(64):
        with socket.socket() as client:
            client.settimeout(0.1)
            try:
                client.connect((VIP, 80))
            except TimeoutError:
                met.add(False)
            else:
                met.add(True)
                room.accept()[0].close()
        if len(met) == 2:
            break
    assert met == {True, False}
    assert select.select([full, room], [], [], 0)[0] == [full]


def test_a_listener_outlives_its_address(vip: Netns) -> None:
    listener = vip.listener(VIP, 80)
    vip.ip(f"addr del {VIP}/32 dev lo")
    found = lookup(VIP, "80/tcp")
    assert found is not None, "sockets are looked up whether or not anything arrives there"
    assert found.inode == inode(listener)
    with pytest.raises(OSError, match="unreachable"):
        connects(VIP)


@pytest.mark.parametrize("address", [VIP, V6VIP])
def test_a_device_bound_listener_is_judged_by_the_device_that_holds_the_address(
    vip: Netns, address: str
) -> None:
    """Delivery passes through lo, and yet the packet arrives by the device of the matched local route.

    (rt_iif in ip_route_output_key_hash_rcu(), IP6CB(skb)->iif in ip6_rcv_core().)
    """
    length = 128 if ":" in address else 32
    vip.batch([f"addr del {address}/{length} dev lo", f"addr add {address}/{length} dev eth0 nodad"])
    settle(vip)
    eth0 = socket.if_nametoindex("eth0")
    vip.listener(address, 80, device="lo")
    assert not connects(address)
    assert lookup(address, "80/tcp", interface=eth0) is None
    assert lookup(address, "80/tcp", interface=LO) is not None, "the wrong question"
    listener = vip.listener(address, 80, device="eth0")
    assert connects(address)
    found = lookup(address, "80/tcp", interface=eth0)
    assert found is not None
    assert found.inode == inode(listener)


@pytest.mark.parametrize(
    ("written", "reached"),
    [("0.0.0.0", "127.0.0.1"), ("::", "::1"), (f"::ffff:{VIP}", VIP)],
)
def test_addresses_that_stand_for_others(vip: Netns, written: str, reached: str) -> None:
    listener = vip.listener(reached, 80)
    assert connects(written)
    listener.settimeout(5)
    listener.accept()[0].close()


def test_uid_inode_and_cgroup_come_unasked(vip: Netns) -> None:
    listener = vip.listener(VIP, 80, backlog=7)
    found = lookup(VIP, "80/tcp")
    assert found is not None
    assert (found.uid, found.inode, found.queued, found.backlog) == (0, inode(listener), 0, 7)
    assert found.cgroup is not None


class TestUdp:
    @pytest.mark.parametrize("address", [VIP, "0.0.0.0", "::", f"::ffff:{VIP}"])
    def test_an_unconnected_socket_serves(self, vip: Netns, address: str) -> None:
        options = {"v6only": False} if ":" in address else {}
        server = vip.udp(address, 53, **options)
        found = lookup(VIP, "53/udp")
        assert found is not None
        assert found.inode == inode(server)
        server.settimeout(5)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b"question", (VIP, 53))
            assert server.recv(100) == b"question"

    def test_a_connected_one_serves_its_peer_only(self, vip: Netns) -> None:
        server = vip.udp(VIP, 53)
        server.connect(("127.0.0.1", 9))
        assert lookup(VIP, "53/udp") is None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect((VIP, 53))
            client.send(b"question")
            client.settimeout(5)
            with pytest.raises(ConnectionRefusedError):
                client.recv(100)

    def test_tcp_does_not_serve_udp(self, vip: Netns) -> None:
        vip.listener(VIP, 53)
        assert lookup(VIP, "53/udp") is None


class TestAcceptQueue:
    @pytest.mark.parametrize("backlog", [0, 1, 5])
    def test_full_is_more_queued_than_the_limit(self, vip: Netns, backlog: int) -> None:
        """sk_acceptq_is_full(): still LISTEN, but a connect times out."""
        listener = vip.listener(VIP, 80, backlog=backlog)
        for _ in range(backlog):
            vip.sockets.connect(VIP, 80)
        found = lookup(VIP, "80/tcp")
        assert found is not None
        assert (found.queued, found.backlog) == (backlog, backlog)
        vip.sockets.connect(VIP, 80)  # as many as the limit is not full yet
        full = lookup(VIP, "80/tcp")
        assert full is not None
        assert (full.queued, full.backlog) == (backlog + 1, backlog)
        with pytest.raises(TimeoutError):
            connects(VIP, timeout=0.05)
        listener.accept()[0].close()
        assert connects(VIP)

    def test_shutdown_ends_listening(self, vip: Netns) -> None:
        vip.listener(VIP, 80).shutdown(socket.SHUT_RD)
        assert lookup(VIP, "80/tcp") is None
        assert not connects(VIP)


class TestRedirects:
    """Not a socket, and yet served: only a connect() shows it."""

    @pytest.mark.parametrize("action", ["redirect to :81", "dnat to 127.0.0.1:81"])
    def test_output_nat(self, vip: Netns, action: str) -> None:
        vip.nft(
            "table ip nat { chain output { type nat hook output priority -100; "
            f"ip daddr {VIP} tcp dport 80 {action}; }}; }}"
        )
        vip.listener("127.0.0.1", 81)
        assert lookup(VIP, "80/tcp") is None
        assert connects(VIP)

    def test_prerouting_nat_is_for_others(self, vip: Netns) -> None:
        vip.nft(
            "table ip nat { chain pre { type nat hook prerouting priority -100; "
            "tcp dport 80 redirect to :81; }; }"
        )
        vip.listener("0.0.0.0", 81)
        assert lookup(VIP, "80/tcp") is None
        assert not connects(VIP)

    @pytest.mark.parametrize("verdict", ["drop", "reject"])
    def test_a_listener_behind_a_firewall(self, vip: Netns, verdict: str) -> None:
        vip.listener(VIP, 80)
        vip.nft(
            f"table ip f {{ chain in {{ type filter hook input priority 0; tcp dport 80 {verdict}; }}; }}"
        )
        assert lookup(VIP, "80/tcp") is not None
        if verdict == "drop":
            with pytest.raises(TimeoutError):
                connects(VIP, timeout=0.05)
        else:
            assert not connects(VIP)
