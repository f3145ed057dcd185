"""rtnetlink messages as core's values."""

from __future__ import annotations

import pytest

from lowatch.core.addresses import parse_address, parse_prefix
from lowatch.core.held import Held
from lowatch.core.surroundings import Route
from lowatch.kernel.conversions import as_route, held_address, held_route
from lowatch.wire.rtnetlink import (
    RTN_BLACKHOLE,
    RTN_LOCAL,
    RTN_UNICAST,
    RTPROT_KERNEL,
    AddressMessage,
    AddressShape,
    RouteMessage,
    RouteShape,
)

VIP = parse_address("192.0.2.10")
NAMES = {1: "lo", 2: "eth0", 3: "eth1"}


@pytest.mark.parametrize(
    ("protocol", "origin"), [(None, None), (1, "kernel"), (2, "ra"), (3, "link-local"), (200, "proto 200")]
)
def test_who_added_an_address(protocol: int | None, origin: str | None) -> None:
    shape = AddressShape(2, 1, 24, 254, 0x201, "lo:vip", protocol)
    held = held_address(AddressMessage(VIP, None, 7.5, shape), "lo")
    assert held == Held(
        VIP,
        24,
        "lo",
        "address",
        "lo:vip",
        ("secondary", "noprefixroute"),
        created=7.5,
        origin=origin,
        scope=254,
    )


@pytest.mark.parametrize(("protocol", "origin"), [(2, "kernel"), (4, "static"), (66, "proto 66")])
def test_who_added_a_local_route(protocol: int, origin: str) -> None:
    shape = RouteShape(32, 255, RTN_LOCAL, 1, protocol, 0, 0)
    assert held_route(RouteMessage(VIP, shape), "lo") == Held(
        VIP, 32, "lo", "route", origin=origin, table=255
    )


@pytest.mark.parametrize(
    ("shape", "device", "route"),
    [
        (
            RouteShape(24, 254, RTN_UNICAST, 2, RTPROT_KERNEL, 0, 0),
            0,
            Route(parse_prefix("192.0.2.0/24"), "unicast", ("eth0",), by_kernel=True),
        ),
        (
            RouteShape(24, 254, RTN_UNICAST, 2, 4, 0, 0, others=(3,)),
            0,
            Route(parse_prefix("192.0.2.0/24"), "unicast", ("eth0", "eth1")),
        ),
        (
            RouteShape(24, 77, RTN_UNICAST, 0, 4, 0, 0, nexthop=9),
            3,
            Route(parse_prefix("192.0.2.0/24"), "unicast", ("eth1",), 77),
        ),
        (
            RouteShape(24, 254, RTN_BLACKHOLE, 0, 4, 0, 0),
            0,
            Route(parse_prefix("192.0.2.0/24"), "blackhole"),
        ),
    ],
)
def test_a_route_and_the_interfaces_it_leads_through(shape: RouteShape, device: int, route: Route) -> None:
    message = RouteMessage(parse_address("192.0.2.0"), shape)
    assert as_route(message, NAMES.__getitem__, device) == route
