"""lowatch.wire.rtnetlink: what only odd messages have."""

from __future__ import annotations

from struct import pack

import pytest

from lowatch.core.addresses import parse_address as address
from lowatch.wire.netlink import MalformedMessageError, attribute
from lowatch.wire.rtnetlink import (
    AF_INET,
    AF_INET6,
    flag_names,
    parse_address,
    parse_route,
)

V4, V6 = address("192.0.2.10"), address("2001:db8::10")
AF_MPLS = 28


def address_message(family: int, length: int, *attributes: bytes) -> bytes:
    return pack("=BBBBI", family, length, 0, 0, 1) + b"".join(attributes)


def route_message(family: int, length: int, *attributes: bytes) -> bytes:
    return pack("=BBBBBBBBI", family, length, 0, 0, 254, 2, 0, 2, 0) + b"".join(attributes)


def test_families_of_others_are_passed_over() -> None:
    """parse_* says None: what MPLS routes is none of our business."""
    for data in (address_message(AF_MPLS, 20), address_message(0, 0, attribute(1, b"?"))):
        assert parse_address(data, 0, len(data)) is None
    data = route_message(AF_MPLS, 20, attribute(1, b"\1\2\3\4"))
    assert parse_route(data, 0, len(data)) is None


@pytest.mark.parametrize(
    "data",
    [
        address_message(AF_INET, 32),
        address_message(AF_INET, 32, attribute(1, V6)),
        address_message(AF_INET6, 128, attribute(1, V4)),
        address_message(AF_INET, 33, attribute(2, V4)),
        address_message(AF_INET6, 129, attribute(1, V6)),
        address_message(AF_INET, 32, attribute(2, V4), attribute(1, V6)),
        address_message(AF_INET, 32, attribute(2, V4[:3])),
        address_message(AF_INET, 32)[:7],
    ],
    ids=["none", "v6 in v4", "v4 in v6", "/33", "/129", "peer of another family", "3 octets", "cut short"],
)
def test_addresses_that_are_none(data: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        parse_address(data, 0, len(data))


@pytest.mark.parametrize(
    "data",
    [
        route_message(AF_INET, 32, attribute(1, V6)),
        route_message(AF_INET6, 128, attribute(1, V4)),
        route_message(AF_INET, 33, attribute(1, V4)),
        route_message(AF_INET, 0)[:11],
    ],
    ids=["v6 in v4", "v4 in v6", "/33", "cut short"],
)
def test_routes_that_are_none(data: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        parse_route(data, 0, len(data))


@pytest.mark.parametrize(
    ("family", "zeros"), [(AF_INET, bytes(4)), (AF_INET6, bytes(16))], ids=["v4", "v6"]
)
def test_default_route_has_no_destination(family: int, zeros: bytes) -> None:
    data = route_message(family, 0, attribute(6, pack("=I", 7)))
    route = parse_route(data, 0, len(data))
    assert route is not None
    assert (route.destination, route.shape.length, route.shape.priority) == (zeros, 0, 7)


def test_table_beyond_255_is_in_its_attribute() -> None:
    data = route_message(AF_INET, 32, attribute(1, V4), attribute(15, pack("=I", 1000)))
    route = parse_route(data, 0, len(data))
    assert route is not None
    assert route.shape.table == 1000


@pytest.mark.parametrize(
    ("attributes", "created"),
    [
        ((attribute(6, pack("=IIII", 0, 0, 12345, 0)),), 123.45),
        ((attribute(6, bytes(8)),), None),
        ((), None),
    ],
)
def test_the_age_if_it_is_reported(attributes: tuple[bytes, ...], created: float | None) -> None:
    data = address_message(AF_INET, 32, attribute(2, V4), *attributes)
    found = parse_address(data, 0, len(data))
    assert found is not None
    assert found.created == created


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        (0, ()),
        (0x80, ()),
        (0x01, ("secondary",)),
        (0x08 | 0x40, ("dadfailed", "tentative")),
        (0x20 | 0x200 | 0x80, ("deprecated", "noprefixroute")),
        (0xF7F, ("secondary", "nodad", "optimistic", "dadfailed", "home", "deprecated", "tentative",
                 "mngtmpaddr", "noprefixroute", "autojoin", "stable-privacy")),
    ],
)  # fmt: skip
def test_flag_names(flags: int, names: tuple[str, ...]) -> None:
    """As `ip address` has them, "permanent" excepted: that says only that nothing expires."""
    assert flag_names(flags) == names
