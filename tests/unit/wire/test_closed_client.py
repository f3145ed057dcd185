"""Events of clients that closed, made by hand."""

from __future__ import annotations

from struct import pack

import pytest

from lowatch.core.addresses import parse_address
from lowatch.wire.closed_client import NO_RTT, ClosedClient, parse_closed_client
from lowatch.wire.netlink import HEADER, MalformedMessageError, attribute

V4, V6 = parse_address("192.0.2.10"), parse_address("2001:db8::10")
PROTOCOL, INFO, CGROUP = 10, 2, 21


def tcp_info(
    rcv_space: int = 0,
    segs_out: int = 1,
    segs_in: int = 1,
    min_rtt: int = NO_RTT,
    max_pacing: bytes = b"\xff" * 8,
) -> bytes:
    return pack("=96xI12x8s16xII4xI80x", rcv_space, max_pacing, segs_out, segs_in, min_rtt)


def event(*attributes: tuple[int, bytes], address: bytes = V4, port: int = 80, protocol: int = 6) -> bytes:
    family = 2 if len(address) == 4 else 10
    ids = pack("!HH16s16s", 40000, port, address, address) + pack("=I8s", 0, b"a cookie")
    body = bytes([family, 7, 0, 0]) + ids + bytes(20) + attribute(PROTOCOL, bytes([protocol]))
    body += b"".join(attribute(*each) for each in attributes)
    return HEADER.pack(HEADER.size + len(body), 20, 0, 0, 0) + body


@pytest.mark.parametrize(
    ("info", "port", "failed"),
    [
        (tcp_info(), 80, True),
        (tcp_info(segs_out=2, segs_in=0), 80, True),
        (tcp_info(segs_out=1, segs_in=0), 80, False),
        (tcp_info(segs_out=0, segs_in=0), 0, True),
        (tcp_info(rcv_space=65483), 80, False),
        (tcp_info(min_rtt=12), 80, False),
        (tcp_info(rcv_space=65483, segs_out=0, segs_in=0), 0, False),
        (tcp_info(min_rtt=12, segs_out=0, segs_in=0), 0, False),
    ],
    ids=[
        "refused", "two SYNs without an answer", "given up after one SYN", "disconnected after a refusal",
        "had room to receive", "had a round trip", "reset by itself", "reset, with a round trip",
    ],
)  # fmt: skip
def test_what_counts_as_failed(info: bytes, port: int, failed: bool) -> None:
    client = parse_closed_client(event((INFO, info), port=port))
    assert client == ClosedClient("tcp", V4, port, 40000, b"a cookie", failed)


@pytest.mark.parametrize(("address", "shown"), [(V6, V6), (bytes(10) + b"\xff\xff" + V4, V4)])
def test_ipv6(address: bytes, shown: bytes) -> None:
    assert parse_closed_client(event((INFO, tcp_info()), address=address)).address == shown


def test_udp_has_no_tcp_info() -> None:
    client = parse_closed_client(event(port=53, protocol=17))
    assert client == ClosedClient("udp", V4, 53, 40000, b"a cookie", None)


def test_tcp_info_is_found_wherever_it_is() -> None:
    client = parse_closed_client(event((CGROUP, bytes(8)), (INFO | 0x8000, tcp_info())))
    assert client.failed


def test_what_is_cut_off_after_it_is_not_missed() -> None:
    assert parse_closed_client(event((INFO, tcp_info()))[:252]).failed


@pytest.mark.parametrize(
    "data",
    [
        event()[:87],
        event(),
        event((INFO, tcp_info()))[:251],
        event((INFO, tcp_info()[:151])),
        event()[:88] + b"\x03\0\x0a\0\x06\0\0\0",
    ],
    ids=["short", "TCP without tcp_info", "cut off", "a short tcp_info", "a short attribute"],
)
def test_malformed(data: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        parse_closed_client(data)
