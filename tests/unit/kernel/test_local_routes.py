"""LocalRoutes: what is told apart, what is counted, and what a group has."""

from __future__ import annotations

from lowatch.core.addresses import parse_address
from lowatch.kernel.local_routes import LocalRoutes
from lowatch.wire.rtnetlink import RTN_LOCAL, RouteMessage, RouteShape


def route(
    text: str, source: str | None = None, *, length: int = 0, index: int = 1, table: int = 255
) -> RouteMessage:
    address = parse_address(text)
    shape = RouteShape(length or len(address) * 8, table, RTN_LOCAL, index, 2, 0, 0)
    return RouteMessage(address, shape, None if source is None else parse_address(source))


VIP = route("192.0.2.10", "192.0.2.10")


def test_each_route_once_by_all_that_its_message_has() -> None:
    some = [VIP, route("192.0.2.10"), route("192.0.2.10", table=100), route("192.0.2.10", index=2)]
    routes = LocalRoutes(some)
    assert not routes.add(VIP)
    assert set(routes) == set(some)
    assert len(list(routes)) == len(some)
    assert routes.discard(VIP) is False  # others to the same prefix are left
    assert set(routes) == set(some[1:])


def test_a_prefix_of_another_family_or_length_is_another() -> None:
    """2001:db8::/32 has the length of an IPv4 host route."""
    v6, v4 = route("2001:db8::", length=32), route("10.9.0.0", length=32)
    routes = LocalRoutes([v6, v4, route("10.9.0.0", length=16)])
    assert [(group.bits, group.are_host_routes) for group in routes.groups()] == [
        (128, False),
        (32, True),
        (32, False),
    ]
    assert routes.discard(v4)
    assert routes.discard(v6)


def test_equal_rows_are_equal_in_any_order() -> None:
    wide = route("10.9.0.0", length=16)
    assert LocalRoutes([VIP, wide]) == LocalRoutes([wide, VIP])
    assert LocalRoutes([VIP]) != LocalRoutes([wide])
    assert LocalRoutes([VIP, VIP]) != LocalRoutes([VIP])  # two of them, with other metrics
    assert LocalRoutes([VIP, VIP, VIP]) == LocalRoutes([VIP, VIP])


def test_what_is_gone_is_known_only_if_it_was_the_only_one() -> None:
    assert LocalRoutes([VIP]).discard(VIP)
    assert not LocalRoutes([VIP, VIP]).discard(VIP)
    assert not LocalRoutes([VIP]).discard(route("192.0.2.10"))
    assert not LocalRoutes().discard(VIP)


def test_the_sources_that_are_preferred() -> None:
    secondary, third = route("192.0.2.11", "192.0.2.10"), route("192.0.2.12", "192.0.2.10", index=2)
    routes = LocalRoutes([VIP, secondary, third])
    assert routes.prefers(VIP.destination)
    assert not routes.prefers(secondary.destination)
    routes.discard(secondary)
    assert routes.foreign_sources() == {VIP.destination}
    routes.discard_link(2)
    assert not routes.prefers(VIP.destination)
    assert list(routes) == [VIP]
