"""Rows to messages and back: nothing is lost on the way, and what could not be restored is named."""

from __future__ import annotations

import pytest

from lowatch.core.addresses import parse_address, parse_prefix
from lowatch.core.changes.rows import FOREVER, AddressRow, RouteRow
from lowatch.kernel.changes.messages import address_body, address_row, route_body, route_row
from lowatch.wire.netlink import attribute, request
from lowatch.wire.rtnetlink import RTM_NEWADDR, RTM_NEWROUTE, RTN_LOCAL

LO = 1
VIP, VIP6, PEER = map(parse_address, ("192.0.2.10", "2001:db8::10", "192.0.2.99"))
NAMES = {LO: "lo"}.__getitem__

ADDRESSES = {
    "plain": AddressRow("lo", VIP, 32),
    "with everything": AddressRow(
        "lo",
        VIP,
        24,
        label="lo:vip",
        flags=0x200,
        scope=253,
        broadcast=parse_address("192.0.2.255"),
        priority=7,
        protocol=66,
        preferred=400,
        valid=500,
    ),
    "a peer": AddressRow("lo", VIP, 32, peer=parse_address("192.0.2.99")),
    "IPv6": AddressRow("lo", VIP6, 64, flags=0x202, protocol=3),
    "deprecated": AddressRow("lo", VIP6, 128, preferred=0, valid=FOREVER),
    "IPv6 with a peer": AddressRow("lo", VIP6, 128, peer=parse_address("2001:db8::99")),
}
ROUTES = {
    "a host": RouteRow("lo", parse_prefix("192.0.2.10/32"), 255, RTN_LOCAL, 66, 254),
    "AnyIP": RouteRow(
        "lo",
        parse_prefix("192.0.2.0/24"),
        1000,
        RTN_LOCAL,
        4,
        254,
        tos=4,
        priority=5,
        source=VIP,
        metrics=(("RTAX_LOCK", 4), ("RTAX_MTU", 1400)),
    ),
    "everything": RouteRow("lo", parse_prefix("0.0.0.0/0"), 100, RTN_LOCAL, 3, 254),
    "through a gateway": RouteRow(
        "lo",
        parse_prefix("203.0.113.0/24"),
        254,
        1,
        3,
        source=VIP,
        flags=4,
        gateway=PEER,
    ),
    "IPv6": RouteRow("lo", parse_prefix("2001:db8::/64"), 254, 1, 2, priority=256, preference=1),
}


@pytest.mark.parametrize("row", ADDRESSES.values(), ids=ADDRESSES)
def test_an_address_comes_back_as_it_was(row: AddressRow) -> None:
    assert address_row(request(RTM_NEWADDR, 0, 1, address_body(row, LO)), NAMES) == row


@pytest.mark.parametrize("row", ROUTES.values(), ids=ROUTES)
def test_a_route_comes_back_as_it_was(row: RouteRow) -> None:
    assert route_row(request(RTM_NEWROUTE, 0, 1, route_body(row, LO)), NAMES) == row


def test_what_the_kernel_sets_by_itself_is_not_asked_for() -> None:
    row = AddressRow("lo", VIP, 24, flags=0x01 | 0x80 | 0x20)
    assert address_body(row, LO) == address_body(row._replace(flags=0), LO)


def test_attributes_that_cannot_be_restored_are_named() -> None:
    body = address_body(ADDRESSES["plain"], LO) + attribute(40, b"\1\0\0\0")
    row = address_row(request(RTM_NEWADDR, 0, 1, body), NAMES)
    assert [name for name, _ in row.others] == ["attribute 40"]

    body = route_body(ROUTES["a host"], LO) + attribute(11, b"\7\0\0\0")
    assert route_row(request(RTM_NEWROUTE, 0, 1, body), NAMES).others == (("RTA_FLOW", "7"),)


def test_a_congestion_control_algorithm_cannot_be_restored() -> None:
    metrics = attribute(8, attribute(2, b"\x78\5\0\0") + attribute(16, b"cubic\0"))
    body = route_body(ROUTES["a host"], LO) + metrics
    row = route_row(request(RTM_NEWROUTE, 0, 1, body), NAMES)
    assert row.metrics == (("RTAX_MTU", 1400),)
    assert len(row.others) == 1
