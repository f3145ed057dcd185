"""The events of clients that closed: which connects had failed, by every kind of client."""

from __future__ import annotations

import errno
import select
import socket
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress

import pytest

from lowatch.core.addresses import Address, Port, format_address, parse_address
from lowatch.kernel.filters import MAX_SAMPLING, failed_connect_filter, sampling_of
from lowatch.wire.closed_client import OWN_PACING, ClosedClient, parse_closed_client
from lowatch.wire.inet_diag import DESTROY_GROUPS
from tests.kernel_behaviour.asking import NETLINK_SOCK_DIAG, netlink_socket, settle
from tests.support.netns import Netns

VIP, VIP6 = parse_address("192.0.2.10"), parse_address("2001:db8::10")
MAPPED = "::ffff:192.0.2.10"
PORT, END, DNS = 80, 9, 53
SO_COOKIE = 57
_RESET = struct.pack("@ii", 1, 0)


class Clients:
    """The clients of which the filter lets an event through."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock

    def arrived(self) -> list[bytes]:
        """The datagrams that wait to be read."""
        found = []
        while select.select([self.socket], [], [], 0)[0]:
            found.append(self.socket.recv(1 << 16))
        return found

    def so_far(self, at_least: int = 0) -> list[ClosedClient]:
        """Those of the sockets that are closed by now, as many as are expected at least.

        An event follows close() by a work queue of the CPU, so that one may overtake another.
        """
        marker = socket.socket()
        blocking(marker, VIP, END)
        ours = marker.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8)
        marker.close()
        found: list[ClosedClient] = []
        is_over = False
        while not is_over or len(found) < at_least:
            client = parse_closed_client(self.socket.recv(1 << 16))
            if client.cookie == ours:
                is_over = True
            else:
                found.append(client)
        return found

    def failed(self, at_least: int = 0) -> list[tuple[str, int]]:
        """Address and port of the failed ones."""
        return [(format_address(one.address), one.port) for one in self.so_far(at_least) if one.failed]


def blocking(client: socket.socket, address: Address, port: int) -> None:
    family = client.family
    text = format_address(address)
    with suppress(OSError):
        client.connect(
            (f"::ffff:{text}" if family == socket.AF_INET6 and len(address) == 4 else text, port)
        )


@contextmanager
def heard(addresses: Iterable[Address] = (VIP, VIP6), sampling: int = 0) -> Iterator[Clients]:
    program = failed_connect_filter(addresses, [Port(DNS, "udp"), Port(PORT, "tcp")], sampling)
    with closing(netlink_socket(NETLINK_SOCK_DIAG, *DESTROY_GROUPS, program=program)) as sock:
        yield Clients(sock)


@pytest.fixture
def vip(netns: Netns) -> Netns:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    netns.ip("addr add 2001:db8::10/128 dev lo nodad")
    settle(netns)
    return netns


@pytest.fixture
def clients(vip: Netns) -> Iterator[Clients]:
    with heard() as each:
        yield each


Connect = Callable[[str], None]


def connect_and_close(address: str) -> None:
    with socket.socket(_family(address)) as client, suppress(ConnectionRefusedError):
        client.connect((address, PORT))


def connect_without_blocking(address: str) -> None:
    with socket.socket(_family(address)) as client:
        client.setblocking(False)
        client.connect_ex((address, PORT))
        select.select([], [client], [], 5)
        assert client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in (0, errno.ECONNREFUSED)


def connect_again(address: str) -> None:
    """As haproxy does, to learn the outcome."""
    with socket.socket(_family(address)) as client:
        client.setblocking(False)
        client.connect_ex((address, PORT))
        select.select([], [client], [], 5)
        assert client.connect_ex((address, PORT)) in (0, errno.EISCONN, errno.ECONNREFUSED)


def connect_from_that_address(address: str) -> None:
    with socket.socket(_family(address)) as client, suppress(ConnectionRefusedError):
        client.bind((address, 0))
        client.connect((address, PORT))


def connect_with_mptcp(address: str) -> None:
    with socket.socket(_family(address), socket.SOCK_STREAM, 262) as client:
        client.settimeout(5)
        with suppress(ConnectionRefusedError):
            client.connect((address, PORT))


def connect_and_reset(address: str) -> None:
    with socket.socket(_family(address)) as client, suppress(ConnectionRefusedError):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        client.connect((address, PORT))


def connect_at_half_speed(address: str) -> None:
    with socket.socket(_family(address)) as client, suppress(ConnectionRefusedError):
        client.setsockopt(socket.SOL_SOCKET, 47, 10_000)  # SO_MAX_PACING_RATE
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        client.settimeout(5)
        client.connect((address, PORT))


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


FORGETS_THE_PORT = (connect_and_close, connect_again, connect_from_that_address, connect_and_reset)
KNOWS_THE_PORT = (connect_without_blocking, connect_with_mptcp, connect_at_half_speed)
WAYS = (*FORGETS_THE_PORT, *KNOWS_THE_PORT)
ADDRESSES = ("192.0.2.10", "2001:db8::10", MAPPED)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("address", ADDRESSES)
def test_refused(clients: Clients, way: Connect, address: str) -> None:
    """A blocking connect() disconnects when it fails, and so forgets the port."""
    for _ in range(5):
        way(address)
    port = PORT if way in KNOWS_THE_PORT else 0
    assert clients.failed(5) == [(address.removeprefix("::ffff:"), port)] * 5


@pytest.mark.parametrize("options", [True, False])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("listening_at", ["the address", "all addresses"])
def test_served(vip: Netns, way: Connect, address: str, listening_at: str, options: bool) -> None:
    """However it ends, with or without TCP options."""
    if not options:
        for name in ("timestamps", "sack", "window_scaling"):
            vip.sysctl(f"net.ipv4.tcp_{name}", 0)
    every = "::" if ":" in address else "0.0.0.0"
    with heard() as clients:
        server = vip.listener(
            address if listening_at == "the address" else every,
            PORT,
            v6only=False if ":" in address else None,
        )
        for number in range(8):
            way(address)
            accepted, _ = server.accept()
            if number % 2:
                accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            if number % 4 == 3:
                with suppress(OSError):
                    accepted.send(b"data")
            accepted.close()
        with vip.sockets.connect("192.0.2.10" if "::f" in address else address, PORT) as first_reset:
            accepted, _ = server.accept()
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            accepted.close()
            first_reset.setblocking(True)
            with suppress(ConnectionResetError):
                first_reset.recv(1)
        server.close()
        assert clients.failed() == []


DROP = "table ip f { chain c { type filter hook input priority 0; tcp dport 80 drop; }; }"


@pytest.mark.parametrize(("patience", "syns", "failed"), [(0.2, 1, False), (1.6, 2, True)])
def test_dropped_by_a_firewall(
    vip: Netns, clients: Clients, patience: float, syns: int, failed: bool
) -> None:
    """Two SYNs without an answer: nobody waits longer for less. After one the client lost patience."""
    vip.nft(DROP)
    with socket.socket() as client:
        client.settimeout(patience)
        with pytest.raises(TimeoutError):
            client.connect(("192.0.2.10", PORT))
    [seen] = clients.so_far(1)
    assert (seen.port, seen.failed) == (PORT, failed)


def test_a_full_accept_queue(vip: Netns, clients: Clients) -> None:
    """A socket is there, and serves nobody else: that client failed as well."""
    vip.full_listener("192.0.2.10", PORT)
    with socket.socket() as client:
        client.settimeout(1.6)
        with pytest.raises(TimeoutError):
            client.connect(("192.0.2.10", PORT))
    assert ("192.0.2.10", PORT) in clients.failed(1)


@pytest.mark.parametrize("served", [True, False])
def test_udp_does_not_tell(vip: Netns, clients: Clients, served: bool) -> None:
    """The event of a client that was served is that of one that was not."""
    server = vip.udp("192.0.2.10", DNS) if served else None
    for port in (DNS, DNS + 1):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(("192.0.2.10", port))
            client.send(b"?")
    [seen] = clients.so_far(1)
    assert (seen.protocol, seen.address, seen.port, seen.failed) == ("udp", VIP, DNS, None)
    if server is not None:
        server.close()


def test_a_cookie_and_the_source_port_tell_one_client_from_another(clients: Clients) -> None:
    with socket.socket() as client:
        client.setblocking(False)
        client.connect_ex(("192.0.2.10", PORT))
        cookie = client.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8)
        source_port = client.getsockname()[1]
    [seen] = clients.so_far(1)
    assert (seen.cookie, seen.source_port) == (cookie, source_port)


@pytest.mark.parametrize("connect", [connect_and_close, connect_without_blocking])
def test_a_pacing_rate_tells_lowatchs_own_from_others(
    clients: Clients, monkeypatch: pytest.MonkeyPatch, connect: Connect
) -> None:
    """Of any process, after a disconnect too. Another rate does not."""
    real = socket.socket
    rates = [OWN_PACING, OWN_PACING[:4] + bytes(4), OWN_PACING[::-1]]

    def paced(*arguments: int) -> socket.socket:
        made = real(*arguments)
        made.setsockopt(socket.SOL_SOCKET, 47, rates.pop())  # SO_MAX_PACING_RATE
        return made

    monkeypatch.setattr(socket, "socket", paced)
    while rates:
        connect("192.0.2.10")
    monkeypatch.undo()
    assert len(clients.failed(2)) == 2


def test_a_socket_that_never_sent_a_syn(vip: Netns, clients: Clients) -> None:
    """Sockets that were only bound, and a connect() for which no source port is left."""
    socket.socket().close()
    with socket.socket() as bound:
        bound.bind(("192.0.2.10", PORT))
    vip.listener("192.0.2.10", PORT).close()
    vip.sysctl("net.ipv4.ip_local_port_range", "40000 40000")
    with socket.socket() as holder, socket.socket() as client:
        holder.bind(("0.0.0.0", 40000))
        with pytest.raises(OSError, match="assign requested address"):
            client.connect(("192.0.2.10", PORT))
    vip.sysctl("net.ipv4.ip_local_port_range", "32768 60999")
    assert clients.failed() == []


def test_another_address_and_another_namespace(vip: Netns, clients: Clients) -> None:
    vip.ip("addr add 192.0.2.11/32 dev lo")
    connect_and_close("192.0.2.11")
    connect_and_close("127.0.0.1")
    other = vip.sibling()
    other.ip("addr add 192.0.2.10/32 dev lo")
    with other.entered():
        connect_without_blocking("192.0.2.10")
    assert clients.so_far() == []


def test_beyond_what_jumps_can_span_every_address_arrives(vip: Netns) -> None:
    many = [parse_address(f"10.0.{n // 250}.{n % 250}") for n in range(1, 300)]
    vip.ip("addr add 192.0.2.11/32 dev lo")
    with heard(many) as clients:
        connect_and_close("192.0.2.11")
        assert clients.failed(1) == [("192.0.2.11", 0)]


@pytest.mark.parametrize("level", range(1, MAX_SAMPLING + 1))
def test_sampled(vip: Netns, level: int) -> None:
    """The kernel throws the dice; the length tells the level."""
    with heard(sampling=level) as clients:
        got = []
        for _ in range(600):
            connect_without_blocking("192.0.2.10")
            got += clients.arrived()
        with netlink_socket(NETLINK_SOCK_DIAG, *DESTROY_GROUPS) as unfiltered:
            connect_and_close("127.0.0.1")
            unfiltered.recv(1 << 16)
        got += clients.arrived()
    assert {sampling_of(data) for data in got} <= {level}
    assert {parse_closed_client(data).failed for data in got} <= {True}
    share = 600 / 4**level
    assert abs(len(got) - share) <= 6 * share**0.5 + 1
