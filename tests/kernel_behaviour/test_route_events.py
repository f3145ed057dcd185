"""What rtnetlink announces of addresses, routes and links, and what it keeps silent about."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from lowatch.wire.nexthop import GROUP_NEXTHOP, RTM_DELNEXTHOP
from lowatch.wire.rtnetlink import (
    GROUP_IPV4_IFADDR,
    GROUP_IPV4_ROUTE,
    GROUP_IPV6_IFADDR,
    GROUP_IPV6_ROUTE,
    GROUP_LINK,
    RTM_DELADDR,
    RTM_DELLINK,
    RTM_DELROUTE,
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTM_NEWROUTE,
    RTN_LOCAL,
    flag_names,
    parse_address,
    parse_route,
)
from tests.kernel_behaviour.asking import NETLINK_ROUTE, Ear, Event, address_in, hearing, is_local, settle
from tests.support.netns import Netns

V4_ROUTE, V6_ROUTE = "10.9.0.0/16", "2001:db8:9::/48"


@pytest.fixture
def ear(netns: Netns) -> Iterator[Ear]:
    settle(netns)
    groups = (GROUP_LINK, GROUP_IPV4_IFADDR, GROUP_IPV4_ROUTE, GROUP_IPV6_IFADDR, GROUP_IPV6_ROUTE)
    with hearing(NETLINK_ROUTE, *groups) as heard:
        yield heard


def types(events: list[Event]) -> list[int]:
    return [event.type for event in events]


def is_local_route(event: Event) -> bool:
    if event.type not in (RTM_NEWROUTE, RTM_DELROUTE):
        return False
    route = parse_route(event.data, event.start, event.end)
    return route is not None and route.shape.type == RTN_LOCAL


def test_an_address_and_its_route_are_announced_before_the_command_returns(netns: Netns, ear: Ear) -> None:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    heard = ear.so_far()
    assert types(heard) == [RTM_NEWADDR, RTM_NEWROUTE] or types(heard) == [RTM_NEWROUTE, RTM_NEWADDR]
    netns.ip("addr del 192.0.2.10/32 dev lo")
    assert set(types(ear.so_far())) == {RTM_DELADDR, RTM_DELROUTE}


def test_local_routes_by_themselves_are_announced(netns: Netns, ear: Ear) -> None:
    for route in (V4_ROUTE, V6_ROUTE):
        netns.ip(f"route add local {route} dev lo")
        assert types(ear.so_far()) == [RTM_NEWROUTE]
        netns.ip(f"route del local {route} dev lo table local")
        assert types(ear.so_far()) == [RTM_DELROUTE]


def test_the_last_ipv4_address_of_lo_takes_every_local_route_along_silently(netns: Netns, ear: Ear) -> None:
    netns.ip(f"route add local {V4_ROUTE} dev lo")
    netns.ip("addr add 192.0.2.10/32 dev lo")
    netns.ip("addr del 127.0.0.1/8 dev lo")
    assert is_local("10.9.1.1")
    ear.so_far()
    netns.ip("addr del 192.0.2.10/32 dev lo")
    assert not is_local("10.9.1.1")
    assert V4_ROUTE not in netns.ip("route show table local")
    gone = [parse_route(e.data, e.start, e.end) for e in ear.so_far() if e.type == RTM_DELROUTE]
    assert V4_ROUTE not in [str(route.prefix) for route in gone if route is not None]


def test_another_ipv4_address_takes_a_route_in_table_main_along_that_prefers_it(
    netns: Netns, ear: Ear
) -> None:
    """Since Linux 6.6 with an event. All else that is local stays, and so do the other addresses."""
    netns.ip("addr add 192.0.2.10/32 dev lo")
    netns.ip("route add local 10.9.0.0/16 dev lo src 192.0.2.10 table main")
    netns.ip("route add local 10.8.0.0/16 dev lo src 192.0.2.10 table local")
    netns.ip("route add local 10.7.0.0/16 dev lo table local")
    asked = ("10.9.1.1", "10.8.1.1", "10.7.1.1", "127.0.0.1", "192.0.2.10")
    assert [is_local(one) for one in asked] == [True] * 5
    ear.so_far()
    netns.ip("addr del 192.0.2.10/32 dev lo")
    assert [is_local(one) for one in asked] == [False, True, True, True, False]
    gone = [parse_route(e.data, e.start, e.end) for e in ear.so_far() if e.type == RTM_DELROUTE]
    assert "192.0.2.10/32" in [str(route.prefix) for route in gone if route is not None]


def test_the_last_ipv6_address_takes_no_other_route_along(netns: Netns, ear: Ear) -> None:
    netns.ip(f"route add local {V6_ROUTE} dev lo")
    netns.ip("route add local 2001:db8:8::/48 dev lo src ::1")
    netns.ip("addr del ::1/128 dev lo")
    assert [is_local(one) for one in ("2001:db8:9::1", "2001:db8:8::1", "::1")] == [True, True, False]
    gone = [parse_route(e.data, e.start, e.end) for e in ear.so_far() if e.type == RTM_DELROUTE]
    assert [str(route.prefix) for route in gone if route is not None] == ["::1/128"]


def test_lo_down_announces_the_link_and_no_ipv4_route(netns: Netns, ear: Ear) -> None:
    netns.batch([f"route add local {V4_ROUTE} dev lo", "addr add 192.0.2.10/32 dev lo"])
    ear.so_far()
    netns.ip("link set lo down")
    heard = ear.so_far()
    assert RTM_NEWLINK in types(heard)
    gone = [parse_route(e.data, e.start, e.end) for e in heard if e.type == RTM_DELROUTE]
    assert not [route for route in gone if route is not None and len(route.destination) == 4]


def test_a_link_that_goes_down_keeps_its_ipv4_local_routes(netns: Netns, ear: Ear) -> None:
    """And loses its IPv6 addresses, announced, with their routes."""
    netns.batch(["link add eth0 type bridge", "link set eth0 up", f"route add local {V4_ROUTE} dev eth0"])
    netns.ip("addr add 2001:db8::1/128 dev eth0 nodad")
    settle(netns)
    ear.so_far()
    netns.ip("link set eth0 down")
    assert is_local("10.9.1.1")
    assert not is_local("2001:db8::1")
    heard = ear.so_far()
    assert "2001:db8::1" in [address_in(event) for event in heard if event.type == RTM_DELADDR]
    assert any(event.type == RTM_DELROUTE and is_local_route(event) for event in heard)


def test_a_replaced_route_is_announced_as_new_and_nothing_as_gone(netns: Netns, ear: Ear) -> None:
    """The old one is told only by NLM_F_REPLACE in the header: whoever keeps a table must look again."""
    netns.batch(["link add eth0 type bridge", "link set eth0 up", f"route add local {V4_ROUTE} dev lo"])
    ear.so_far()
    netns.ip(f"route replace local {V4_ROUTE} dev eth0")
    heard = ear.so_far()
    assert types(heard) == [RTM_NEWROUTE]
    assert f"local {V4_ROUTE} dev lo" not in netns.ip("route show table local")


@pytest.mark.parametrize("twin", ["proto 66", "src 127.0.0.1", "mtu 1300", "tos 4", "metric 7", "nhid 7"])
def test_local_routes_to_the_same_address_are_told_apart_by_anything(netns: Netns, twin: str) -> None:
    netns.ip("nexthop add id 7 dev lo")
    route = "local 10.9.0.9/32 table local"
    netns.ip(f"route append {route} dev lo")
    netns.ip(f"route append {route} {twin if 'nhid' in twin else f'dev lo {twin}'}")
    assert len(netns.ip("route show table local exact 10.9.0.9").splitlines()) == 2
    netns.ip(f"route del {route} {twin}")
    assert is_local("10.9.0.9")


def test_a_nexthop_object_takes_its_routes_along_silently(netns: Netns) -> None:
    """In IPv4 always; in IPv6 where nexthop_compat_mode is 0."""
    netns.sysctl("net.ipv4.nexthop_compat_mode", 0)
    netns.ip("nexthop add id 7 dev lo")
    netns.ip("-6 nexthop add id 8 dev lo")
    netns.ip("route add local 10.9.0.9/32 nhid 7 table local")
    netns.ip("route add local 2001:db8:9::9/128 nhid 8 table local")
    assert is_local("10.9.0.9")
    assert is_local("2001:db8:9::9")
    settle(netns)
    with hearing(NETLINK_ROUTE, GROUP_IPV4_ROUTE, GROUP_IPV6_ROUTE, GROUP_NEXTHOP) as ear:
        netns.batch(["nexthop del id 7", "nexthop del id 8"])
        assert types(ear.so_far()) == [RTM_DELNEXTHOP, RTM_DELNEXTHOP]
    assert not is_local("10.9.0.9")
    assert not is_local("2001:db8:9::9")


def test_an_ipv6_address_is_announced_twice_and_its_route_with_the_second(netns: Netns, ear: Ear) -> None:
    """Tentative, then for good: until then it is not local."""
    netns.ip("addr add 2001:db8::1/128 dev lo")
    heard = ear.until(is_local_route)
    settle(netns)
    heard += ear.so_far()
    news = [parse_address(e.data, e.start, e.end) for e in heard if e.type == RTM_NEWADDR]
    assert len(news) == 2
    first, second = (flag_names(message.shape.flags) for message in news if message is not None)
    assert "tentative" in first
    assert "tentative" not in second


def test_readdressing_is_heard_as_a_new_address(netns: Netns, ear: Ear) -> None:
    """`ip address change` of lifetimes, and of an IPv6 prefix length."""
    netns.ip("addr add 2001:db8::1/64 dev lo")
    settle(netns)
    ear.so_far()
    netns.ip("addr change 2001:db8::1/64 dev lo preferred_lft 0")
    heard = [event for event in ear.so_far() if event.type == RTM_NEWADDR]
    assert [address_in(event) for event in heard] == ["2001:db8::1"]


def test_a_tentative_address_that_is_changed_is_not_announced(netns: Netns, ear: Ear) -> None:
    """inet6_addr_modify(), net/ipv6/addrconf.c. It stays tentative for as long as its link is down."""
    netns.ip("link add eth0 type bridge")
    netns.ip("addr add 2001:db8::1/64 dev eth0 preferred_lft 0")
    assert RTM_NEWADDR in types(ear.so_far())
    netns.ip("addr change 2001:db8::1/64 dev eth0 preferred_lft 1000")
    assert ear.so_far() == []
    assert "deprecated" not in netns.ip("-6 addr show dev eth0")


def test_who_did_it(netns: Netns, ear: Ear) -> None:
    """nlmsg_pid of an IPv4 address event is the requester's port id, for `ip` its pid; of IPv6, 0."""
    with subprocess.Popen(["ip", "addr", "add", "192.0.2.10/32", "dev", "lo"]) as command:
        command.wait()
    event = next(e for e in ear.so_far() if e.type == RTM_NEWADDR)
    assert event.pid == command.pid != os.getpid()
    netns.ip("addr add 2001:db8::1/128 dev lo")
    assert ear.until(lambda e: e.type == RTM_NEWADDR)[-1].pid == 0


def test_events_carry_the_sequence_number_of_the_process_that_caused_them(netns: Netns, ear: Ear) -> None:
    """So a socket that dumps must be bound to no group: it would take an event for its reply."""
    netns.ip("addr add 192.0.2.10/32 dev lo")
    event = next(event for event in ear.so_far() if event.type == RTM_NEWADDR)
    assert event.sequence != 0, "`ip` numbers its requests from the time of day on"


def test_a_link_that_goes_takes_its_addresses_along(netns: Netns, ear: Ear) -> None:
    netns.batch(["link add eth0 type bridge", "addr add 192.0.2.10/32 dev eth0"])
    ear.so_far()
    netns.ip("link del eth0")
    heard = types(ear.so_far())
    assert RTM_DELADDR in heard
    assert heard[-1] == RTM_DELLINK
    assert not is_local("192.0.2.10")
