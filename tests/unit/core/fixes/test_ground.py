"""What goes along with an address, and what keeps it local."""

from __future__ import annotations

from lowatch.core.addresses import parse_prefix
from lowatch.core.fixes.ground import Ground
from lowatch.core.held import Held, Link
from lowatch.core.surroundings import Route, Surroundings
from tests.unit.core.worlds import VIP, held

LO, ETH = Link(1, "lo", up=True, loopback=True), Link(2, "eth0", up=True)
LOCALHOST = held("127.0.0.1", 8)


def ground(*holding: Held, routes: tuple[Route, ...] = ()) -> Ground:
    return Ground((LOCALHOST, *holding), Surroundings((LO, ETH), routes=routes))


def test_an_address_of_lo_that_nothing_depends_on_may_go() -> None:
    assert ground(held(VIP)).without_address(held(VIP)) == ""


def test_one_of_an_interface_that_leads_to_others_may_not() -> None:
    assert "may reach others" in ground().without_address(held(VIP, interface="eth0"))


def test_one_that_something_else_keeps_local_would_not_be_gone() -> None:
    kept = ground(held(VIP), held(VIP, interface="eth0"))
    assert kept.without_address(held(VIP)) == "an address on eth0 keeps it local"
    assert kept.stays_local(VIP, without=held(VIP))
    wide = Route(parse_prefix("192.0.2.0/24"), "local", ("lo",), 255)
    assert "192.0.2.0/24 covers it too" in ground(held(VIP), routes=(wide,)).without_address(held(VIP))


def test_a_prefix_comes_with_an_ipv4_address_of_lo_only() -> None:
    assert ground().brings_prefix(held(VIP, 24))
    assert not ground().brings_prefix(held(VIP))
    assert not ground().brings_prefix(held(VIP, 24, flags=("noprefixroute",)))
    assert not ground().brings_prefix(held("2001:db8::1", 64))
    assert not ground().brings_prefix(held(VIP, 24, interface="eth0"))


def test_what_adding_it_again_would_lose_keeps_it_as_it_is() -> None:
    labelled = held(VIP, 24, label="lo:vip")
    assert ground(labelled).narrowed(labelled) == "re-adding the address would lose its label lo:vip"


def test_the_last_address_of_an_interface_takes_its_routes_along() -> None:
    route = Route(parse_prefix("10.9.0.0/16"), "local", ("lo",), 255)
    alone = Ground((held(VIP),), Surroundings((LO,), routes=(route,)))
    assert "10.9.0.0/16" in alone.without_address(held(VIP))
