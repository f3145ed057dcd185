"""Events of clients that closed, from the running kernel: as pyroute2 reads them, and mutated."""

from __future__ import annotations

import socket
from contextlib import closing, suppress

import pytest
from pyroute2.netlink.diag import inet_diag_msg

from lowatch.core.addresses import Address, parse_address, unmapped
from lowatch.wire.closed_client import ClosedClient, parse_closed_client
from lowatch.wire.inet_diag import DESTROY_GROUPS
from lowatch.wire.netlink import MalformedMessageError
from lowatch.wire.netlink_full import Decoded
from tests.kernel_behaviour.asking import NETLINK_SOCK_DIAG, netlink_socket
from tests.support.mutations import mutants
from tests.support.netns import Netns

MUTANTS, COMPARED = 20_000, 3_000
ADDRESSES = ("192.0.2.10", "2001:db8::1", "::ffff:192.0.2.10")


@pytest.fixture
def events(listening: Netns) -> list[bytes]:
    """Of clients that were served, refused, and of UDP; in both families."""
    with closing(netlink_socket(NETLINK_SOCK_DIAG, *DESTROY_GROUPS)) as heard:
        for address in ADDRESSES:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            for port in (80, 84, 9):
                for patience in (None, 5):
                    with socket.socket(family) as client, suppress(ConnectionRefusedError):
                        client.settimeout(patience)
                        client.connect((address, port))
            with socket.socket(family, socket.SOCK_DGRAM) as client:
                client.connect((address, 53))
        return [heard.recv(1 << 16) for _ in range(len(ADDRESSES) * 7)]


def by_pyroute2(data: bytes) -> ClosedClient:
    found = Decoded(inet_diag_msg, data)
    cookie = found["idiag_cookie"].to_bytes(8, "little")
    address = unmapped(Address(parse_address(found["idiag_dst"])))
    port, source_port = found["idiag_dport"], found["idiag_sport"]
    if found.last("INET_DIAG_PROTOCOL") == "11":
        return ClosedClient("udp", address, port, source_port, cookie, None)
    info = found.last("INET_DIAG_INFO")
    new = (info["tcpi_rcv_space"], info["tcpi_min_rtt"]) == (0, 0xFFFFFFFF)
    over = port == 0 or info["tcpi_segs_in"] > 0 or info["tcpi_segs_out"] > 1
    return ClosedClient("tcp", address, port, source_port, cookie, new and over)


def test_as_pyroute2_reads_them(events: list[bytes]) -> None:
    ours = [parse_closed_client(data) for data in events]
    assert ours == [by_pyroute2(data) for data in events]
    assert {one.failed for one in ours} == {True, False, None}


def test_mutants_are_read_or_refused(events: list[bytes]) -> None:
    read = refused = 0
    for data in mutants(events, MUTANTS):
        try:
            parse_closed_client(data)
        except MalformedMessageError:
            refused += 1
        else:
            read += 1
    assert min(read, refused) > MUTANTS / 50, "a fair share of both"


def test_mutants_are_read_as_pyroute2_reads_them(events: list[bytes]) -> None:
    """Only those with the layout of the kernel's: in others each finds another attribute."""
    compared = 0
    layouts = {data[:4] + data[16:17] + data[88:91] + data[96:100] for data in events}
    for data in mutants(events, COMPARED):
        if data[:4] + data[16:17] + data[88:91] + data[96:100] not in layouts:
            continue
        if len(data) != int.from_bytes(data[:4], "little") or data[92] not in (6, 17):
            continue
        try:
            ours, theirs = parse_closed_client(data), by_pyroute2(data)
        except Exception:  # refused by one of them
            continue
        assert ours == theirs, data.hex()
        compared += 1
    assert compared > COMPARED / 10
