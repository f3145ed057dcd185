"""What the kernel sends, read by us and by pyroute2: every field is the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lowatch.core.addresses import Address, parse_address, parse_port
from lowatch.core.arp import ArpSettings
from lowatch.kernel.request_socket import NETLINK_SOCK_DIAG
from lowatch.wire import rtnetlink
from lowatch.wire.inet_diag import SOCK_DIAG_BY_FAMILY, dump_bound, find_listener, parse_socket
from lowatch.wire.links import (
    dump_links,
    parse_link,
)
from lowatch.wire.netlink import NLM_F_DUMP, request
from lowatch.wire.netlink_comparison import readable
from lowatch.wire.rtnetlink import (
    AF_INET,
    AF_INET6,
    RTM_GETROUTE,
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTM_NEWROUTE,
    RTN_LOCAL,
    dump_addresses,
    dump_local_routes,
    flag_names,
    get_route,
    parse_route,
)
from tests.support import pyroute2_decoder as second
from tests.support.netns import Netns
from tests.wire.captures import LO_INDEX, NETLINK_ROUTE, Message, asked, dumped

RTPROT_KERNEL, RTPROT_BOOT = 2, 3


def agreed(
    messages: list[Message],
    kind: int,
    ours: Callable[[bytes, int, int], Any],
    theirs: Callable[[bytes], Any],
) -> list[Any]:
    """What both make of the messages; it is read twice, the second time through a remembered layout."""
    assert {one[0] for one in messages} == {kind}
    read = [ours(data, start, end) for _, data, start, end in messages]
    seen = [theirs(second.whole(data, start, end)) for _, data, start, end in messages]
    assert [readable(one) for one in read] == seen
    assert read == [ours(data, start, end) for _, data, start, end in messages]
    return read


def test_links(furnished: Netns) -> None:
    """A bridge port shows twice where bridges are asked; not in this dump."""
    for name, ignore, announce in (("lo", 8, 1), ("veth0", 3, 2), ("br0", -1, -7)):
        furnished.sysctl(f"net.ipv4.conf.{name}.arp_ignore", ignore)
        furnished.sysctl(f"net.ipv4.conf.{name}.arp_announce", announce)
    messages = dumped(NETLINK_ROUTE, dump_links(0))
    found = agreed(messages, RTM_NEWLINK, parse_link, second.link)
    told = {link.name: (link.arp, link.slave_kind) for link in found}
    assert told.keys() == {"lo", "veth0", "a-very-long-nam", "br0"}
    assert told["lo"] == (ArpSettings(8, 1), "")
    assert told["veth0"] == (ArpSettings(3, 2), "")
    assert told["br0"] == (ArpSettings(-1, -7), "")
    assert told["a-very-long-nam"][1] == "bridge"
    assert not any(link.partial for link in found)


def test_addresses(furnished: Netns) -> None:
    messages = dumped(NETLINK_ROUTE, dump_addresses(0))
    kinds = agreed(messages, RTM_NEWADDR, rtnetlink.parse_address, second.address)
    by_local = {(one.local, one.peer): one.shape for one in kinds}
    labelled = by_local[parse_address("192.0.2.10"), None]
    assert (labelled.label, labelled.prefixlen) == ("lo:vip", 32)
    assert (parse_address("10.5.0.1"), parse_address("10.5.1.2")) in by_local
    assert (parse_address("2001:db8::3"), parse_address("2001:db8::4")) in by_local
    flags = {name for one in kinds for name in flag_names(one.shape.flags)}
    assert flags >= {"secondary", "deprecated", "noprefixroute", "nodad", "tentative", "mngtmpaddr"}
    assert all(one.created is not None for one in kinds)


@pytest.mark.parametrize("family", [AF_INET, AF_INET6])
def test_local_routes(furnished: Netns, family: int) -> None:
    """A modern kernel sends no others: NETLINK_GET_STRICT_CHK."""
    found = agreed(
        dumped(NETLINK_ROUTE, dump_local_routes(0, family)), RTM_NEWROUTE, parse_route, second.route
    )
    assert {route.shape.type for route in found} == {RTN_LOCAL}
    assert {route.shape.protocol for route in found} >= {RTPROT_KERNEL, RTPROT_BOOT}


@pytest.mark.parametrize("family", [AF_INET, AF_INET6])
def test_routes_of_all_kinds(furnished: Netns, family: int) -> None:
    """As an older kernel sends them all: multipath, blackholes, a default route that has no RTA_DST."""
    everything = request(RTM_GETROUTE, NLM_F_DUMP, 0, bytes([family, *bytes(11)]))
    found = agreed(dumped(NETLINK_ROUTE, everything), RTM_NEWROUTE, parse_route, second.route)
    assert len({route.shape.type for route in found}) > 3
    hops = [one for one in found if one.prefix.length in (16, 48) and one.shape.ifindex > 1]
    assert hops, "a multipath route goes out through its first next hop"


def test_get_route(furnished: Netns) -> None:
    """By local, connected, default, multipath and AnyIP routes in turn: same lengths, other layouts."""
    where = [
        "127.0.0.1", "192.0.2.10", "198.51.100.9", "203.0.113.1", "10.13.0.1", "10.9.1.1", "10.5.1.2",
        "::1", "2001:db8::1", "2001:db8:1::77", "2001:db8:13::1", "2001:db8:9::1",
    ]  # fmt: skip
    requests = [get_route(i, parse_address(text)) for i, text in enumerate(where)]
    found = agreed(asked(NETLINK_ROUTE, *requests), RTM_NEWROUTE, parse_route, second.route)
    assert [one.shape.length for one in found] == [32, 32, 24, 0, 16, 16, 24, 128, 128, 64, 48, 48]
    assert [one.shape.type == RTN_LOCAL for one in found] == [
        *[True, True, False, False, False, True, True],
        *[True, True, False, False, True],
    ]


@pytest.mark.parametrize(
    ("family", "protocol", "ports"),
    [
        (AF_INET, "tcp", {80, 81, 85}),
        (AF_INET6, "tcp", {82, 83, 84}),
        (AF_INET, "udp", {53}),
        (AF_INET6, "udp", {54}),
    ],
)
def test_bound_sockets(listening: Netns, family: int, protocol: str, ports: set[int]) -> None:
    messages = dumped(NETLINK_SOCK_DIAG, dump_bound(0, family, protocol))
    found = agreed(messages, SOCK_DIAG_BY_FAMILY, parse_socket, second.socket)
    assert {one.port for one in found if one.peer_port == 0} == ports
    assert all(one.cgroup for one in found), "an unprivileged user sees it as well"
    serving = [one for one in found if one.peer_port == 0]  # beside those that wait to be accepted
    assert all(one.inode and one.uid == 0 for one in serving)


def test_exact_lookup(listening: Netns) -> None:
    where = [
        ("192.0.2.10", "80/tcp"), ("192.0.2.10", "81/tcp"), ("192.0.2.10", "82/tcp"),
        ("192.0.2.10", "83/tcp"), ("2001:db8::1", "84/tcp"), ("192.0.2.10", "85/tcp"),
        ("192.0.2.10", "53/udp"), ("2001:db8::1", "54/udp"),
    ]  # fmt: skip
    requests = [
        find_listener(i, parse_address(text), parse_port(port), LO_INDEX)
        for i, (text, port) in enumerate(where)
    ]
    messages = asked(NETLINK_SOCK_DIAG, *requests)
    found = agreed(messages, SOCK_DIAG_BY_FAMILY, parse_socket, second.socket)
    assert [one.port for one in found] == [80, 81, 82, 83, 84, 85, 53, 54]
    bound = {one.port: one for one in found}
    assert bound[83].address == Address(bytes(10) + b"\xff\xff" + parse_address("192.0.2.10"))
    assert (bound[81].queued, bound[81].backlog) == (3, 2)
    assert bound[84].interface == 1
