"""What goes with an address or a route that is deleted (docs/internals/fixes.md)."""

from __future__ import annotations

import re

import pytest

from lowatch.wire.rtnetlink import GROUP_IPV4_ROUTE, RTM_DELROUTE, parse_route
from tests.kernel_behaviour.asking import NETLINK_ROUTE, hearing, is_local
from tests.support.netns import Netns


@pytest.fixture
def eth0(netns: Netns) -> Netns:
    netns.batch(
        [
            "link add eth0 type veth peer name eth1",
            "link set eth1 up",
            "link set eth0 up",
            "addr add 198.51.100.1/24 dev eth0",
        ]
    )
    return netns


@pytest.mark.parametrize("promote", [0, 1])
def test_secondaries_go_with_their_primary(netns: Netns, promote: int) -> None:
    """One of another prefix length is none."""
    netns.sysctl("net.ipv4.conf.all.promote_secondaries", 0)
    netns.sysctl("net.ipv4.conf.lo.promote_secondaries", promote)
    for address in "192.0.2.1/24", "192.0.2.2/24", "192.0.2.3/32":
        netns.ip(f"addr add {address} dev lo")
    netns.ip("addr del 192.0.2.1/24 dev lo")
    left = set(netns.ip("-4 -br addr show dev lo").split()[2:])
    assert left == {"127.0.0.1/8", "192.0.2.3/32"} | ({"192.0.2.2/24"} if promote else set())


@pytest.mark.parametrize("promote", [0, 1])
def test_an_address_added_as_a_host_first_is_not_away_for_a_moment(eth0: Netns, promote: int) -> None:
    """It has a local route of its own from then on, and routes that prefer it as source stay.

    A secondary address's own route prefers the primary one, with which it goes (fib_add_ifaddr()).
    """
    eth0.sysctl("net.ipv4.conf.all.promote_secondaries", promote)
    for address in "192.0.2.1/24", "192.0.2.2/24":
        eth0.ip(f"addr add {address} dev lo")
    eth0.ip("route add 203.0.113.0/24 via 198.51.100.2 src 192.0.2.2")
    assert _sources_of(eth0, "192.0.2.2") == ["192.0.2.1"]
    eth0.ip("addr add 192.0.2.2/32 dev lo")
    assert sorted(_sources_of(eth0, "192.0.2.2")) == ["192.0.2.1", "192.0.2.2"]
    for address in "192.0.2.2/24", "192.0.2.1/24":
        eth0.ip(f"addr del {address} dev lo")
        assert is_local("192.0.2.2")
    assert _sources_of(eth0, "192.0.2.2") == ["192.0.2.2"]
    assert not is_local("192.0.2.1")
    assert "src 192.0.2.2" in eth0.ip("route show 203.0.113.0/24")


@pytest.mark.parametrize("secondary", [True, False])
def test_a_secondary_address_added_as_a_host_is_local_on_another_interface_that_has_it(
    eth0: Netns, secondary: bool
) -> None:
    """Its new route comes after the other interface's. A primary one keeps its route, and its place."""
    if secondary:
        eth0.ip("addr add 192.0.2.1/24 dev lo")
    eth0.ip("addr add 192.0.2.2/24 dev lo")
    eth0.ip("addr add 192.0.2.2/24 dev eth0")
    assert "dev lo" in eth0.ip("route show table local 192.0.2.2").splitlines()[0]
    eth0.ip("addr add 192.0.2.2/32 dev lo")
    eth0.ip("addr del 192.0.2.2/24 dev lo")
    first = eth0.ip("route show table local 192.0.2.2").splitlines()[0]
    assert ("dev eth0" if secondary else "dev lo") in first


def test_a_primary_address_added_as_a_host_first_keeps_its_route(netns: Netns) -> None:
    """Of both addresses there is one local route, which no event says is gone."""
    for length in 24, 32:
        netns.ip(f"addr add 192.0.2.1/{length} dev lo")
    with hearing(NETLINK_ROUTE, GROUP_IPV4_ROUTE) as ear:
        netns.ip("addr del 192.0.2.1/24 dev lo")
        gone = [
            parse_route(one.data, one.start, one.end) for one in ear.so_far() if one.type == RTM_DELROUTE
        ]
    assert "192.0.2.0/24" in {str(route.prefix) for route in gone if route is not None}
    assert "192.0.2.1/32" not in {str(route.prefix) for route in gone if route is not None}
    assert is_local("192.0.2.1")


def _sources_of(netns: Netns, address: str) -> list[str]:
    """The source addresses that the local routes to an address prefer."""
    return re.findall(r"src (\S+)", netns.ip(f"route show table local {address}"))


@pytest.mark.parametrize(("table", "goes"), [("main", True), ("100", False)])
def test_an_ipv4_route_goes_with_the_source_that_it_prefers(eth0: Netns, table: str, goes: bool) -> None:
    """One of another table stays, with a source that is not this host's any more."""
    eth0.ip("addr add 192.0.2.10/32 dev lo")
    eth0.ip(f"route add default via 198.51.100.2 src 192.0.2.10 table {table}")
    assert "192.0.2.10" in eth0.ip(f"route show default table {table}")
    eth0.ip("addr del 192.0.2.10/32 dev lo")
    assert ("192.0.2.10" not in eth0.ip(f"route show default table {table}")) is goes


@pytest.mark.parametrize("holder", ["eth0", "lo"])
def test_an_ipv6_route_stays_and_at_most_its_preference_goes(netns: Netns, holder: str) -> None:
    """The preference for an address of another interface goes in Linux 6.12, and does not in 6.1.

    There the route keeps a source that is no longer this host's: nothing comes back to it.
    """
    netns.batch(["link add eth0 type veth peer name eth1", "link set eth1 up", "link set eth0 up"])
    for address, device in ("2001:db8:1::1/64", "eth0"), ("2001:db8::10/128", holder):
        netns.ip(f"addr add {address} dev {device} nodad")
    netns.ip("-6 route add 2001:db8:9::/48 via 2001:db8:1::2 src 2001:db8::10")
    netns.ip(f"addr del 2001:db8::10/128 dev {holder}")
    left = netns.ip("-6 route show 2001:db8:9::/48")
    assert "via 2001:db8:1::2" in left
    used = netns.ip("route get 2001:db8:9::1")
    if "src" in left:
        assert holder == "lo"
        assert "src 2001:db8::10" in used
    else:
        assert "src 2001:db8:1::1" in used


def test_an_interface_without_an_address_sends_from_another_ones(netns: Netns) -> None:
    """The preference shows in no route: with the last such address nothing can be sent any more."""
    netns.batch(["link add eth0 type veth peer name eth1", "link set eth1 up", "link set eth0 up"])
    netns.ip("addr add 192.0.2.10/32 dev lo")
    netns.ip("route add 203.0.113.0/24 dev eth0")
    assert "src 192.0.2.10" in netns.ip("route get 203.0.113.9")
    assert "src" not in netns.ip("route show 203.0.113.0/24")


def test_the_prefix_route_of_an_ipv6_address_can_go_alone(netns: Netns) -> None:
    """The address and its flags stay."""
    netns.ip("addr add 2001:db8::10/64 dev lo nodad preferred_lft 0")
    before = netns.ip("-6 addr show dev lo")
    netns.ip("-6 route del 2001:db8::/64 dev lo")
    assert netns.ip("-6 addr show dev lo") == before
    assert not netns.ip("-6 route show 2001:db8::/64")
    netns.sockets.listener("2001:db8::10", 80)
    netns.sockets.connect("2001:db8::10", 80)


@pytest.mark.parametrize("device", ["lo", "eth0"])
def test_all_routes_go_with_the_last_ipv4_address(netns: Netns, device: str) -> None:
    netns.batch(["link add eth0 type veth peer name eth1", "link set eth1 up", "link set eth0 up"])
    if device == "lo":
        netns.ip("addr del 127.0.0.1/8 dev lo")
    netns.ip(f"addr add 192.0.2.10/32 dev {device}")
    netns.ip(f"route add local 10.9.0.0/16 dev {device}")
    netns.ip(f"addr del 192.0.2.10/32 dev {device}")
    assert not netns.ip("route show table local 10.9.0.0/16")
