"""dumped_rows: of a dump, the messages that are rows of a table."""

from __future__ import annotations

from struct import pack

import pytest

from lowatch.core.addresses import parse_address
from lowatch.kernel.dumped_rows import addresses_in, links_in, local_routes_in
from lowatch.kernel.request_socket import Datagram, read_datagram
from lowatch.wire.netlink import MalformedMessageError, attribute
from lowatch.wire.rtnetlink import RTM_NEWADDR, RTM_NEWLINK, RTM_NEWROUTE
from tests.unit.kernel.scripted_socket import done, message

VIP, NEXT = parse_address("192.0.2.10"), parse_address("192.0.2.11")
LOCAL, UNICAST, AF_MPLS = 2, 1, 28


def address(local: bytes, family: int = 2) -> bytes:
    return message(RTM_NEWADDR, pack("=BBBBI", family, 32, 0, 0, 1) + attribute(2, local))


def route(destination: bytes, kind: int = LOCAL, family: int = 2) -> bytes:
    fixed = pack("=BBBBBBBBI", family, 32, 0, 0, 255, 2, 254, kind, 0)
    return message(RTM_NEWROUTE, fixed + attribute(1, destination))


def link(name: bytes) -> bytes:
    return message(RTM_NEWLINK, pack("=BxHiII", 0, 772, 1, 0, 0) + attribute(3, name))


def dump(*datagrams: bytes) -> list[Datagram]:
    return [*map(read_datagram, datagrams), read_datagram(done())]


def test_the_rows_of_all_datagrams_in_order() -> None:
    dumped = dump(address(VIP), address(NEXT) + address(VIP))
    assert [one.local for one in addresses_in(dumped)] == [VIP, NEXT, VIP]
    assert [one.name for one in links_in(dump(link(b"lo\0\0")))] == ["lo"]


def test_other_messages_and_families_are_passed_over() -> None:
    """Before Linux 4.20 a dump of local routes has routes of all types."""
    dumped = dump(address(VIP) + route(NEXT) + route(VIP, UNICAST) + route(VIP, family=AF_MPLS))
    assert [one.destination for one in local_routes_in(dumped)] == [NEXT]
    assert [one.local for one in addresses_in(dumped)] == [VIP]
    assert list(links_in(dumped)) == []
    assert list(addresses_in(dump(address(VIP, AF_MPLS)))) == []


@pytest.mark.parametrize("rows", [addresses_in, local_routes_in])
def test_a_malformed_row(rows: object) -> None:
    broken = address(VIP[:3]) + route(VIP[:3])
    with pytest.raises(MalformedMessageError):
        list(rows(dump(broken)))  # type: ignore[operator]
