"""What is held, and what goes along with it."""

from __future__ import annotations

from lowatch.core.addresses import parse_address, parse_prefix
from lowatch.core.fixes.ground import Ground, lost_when_added_again
from lowatch.core.held import Held, Link
from lowatch.core.surroundings import Route, Surroundings
from tests.unit.core.worlds import VIP, VIP6, held

LO, ETH = Link(1, "lo", up=True, loopback=True), Link(2, "eth0", up=True)
LOCALHOST = held("127.0.0.1", 8)
WIDE = Route(parse_prefix("192.0.2.0/24"), "local", ("lo",), 255)


def ground(*holding: Held, routes: tuple[Route, ...] = ()) -> Ground:
    return Ground((LOCALHOST, *holding), Surroundings((LO, ETH), routes=routes))


def test_an_interface_that_leads_to_others() -> None:
    assert ground().unlike_a_vip(held(VIP)) == ""
    assert "may reach others" in ground().unlike_a_vip(held(VIP, interface="eth0"))


def test_which_address_a_route_came_with() -> None:
    first, second = held(VIP, 24), held("192.0.2.11", 24, flags=("secondary",))
    on = ground(first, second)
    assert on.network_of(second) == [first, second]
    assert on.comes_with(WIDE) is None
    assert on.comes_with(WIDE._replace(by_kernel=True, source=VIP)) == first
    assert on.comes_with(WIDE._replace(by_kernel=True, source=parse_address("192.0.2.12"))) is None
    six = held(VIP6, 64)
    hole = Route(six.prefix, "unicast", ("lo",), by_kernel=True)
    assert ground(six).comes_with(hole) == six
    assert ground(six).is_plain(hole)
    assert not ground(six).is_plain(hole._replace(table=100))


def test_whether_more_than_loopback_is_wide() -> None:
    own = Route(parse_prefix("127.0.0.0/8"), "local", ("lo",), 255, LOCALHOST.address, by_kernel=True)
    assert not ground(routes=(own,)).has_wide_prefixes
    assert ground(routes=(own, WIDE)).has_wide_prefixes


def test_a_prefix_comes_with_an_ipv4_address_of_lo_only() -> None:
    assert ground().brings_prefix(held(VIP, 24))
    assert not ground().brings_prefix(held(VIP))
    assert not ground().brings_prefix(held(VIP, 24, flags=("noprefixroute",)))
    assert not ground().brings_prefix(held("2001:db8::1", 64))
    assert not ground().brings_prefix(held(VIP, 24, interface="eth0"))


def test_what_adding_it_again_would_lose() -> None:
    assert lost_when_added_again(held(VIP, 24, flags=("secondary",))) == ""
    assert lost_when_added_again(held(VIP, 24, label="lo:vip", scope=254)) == "label lo:vip, scope"


def test_the_last_address_of_an_interface_takes_its_routes_along() -> None:
    route = Route(parse_prefix("10.9.0.0/16"), "local", ("lo",), 255)
    alone = Ground((held(VIP),), Surroundings((LO,), routes=(route,)))
    assert "10.9.0.0/16" in alone.lost_with_the_last([held(VIP)], [])
    assert alone.lost_with_the_last([held(VIP)], [held("192.0.2.11")]) == ""
    assert ground(held(VIP), routes=(route,)).lost_with_the_last([held(VIP)], []) == ""
