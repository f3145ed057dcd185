"""Which IPv6 address the kernel chooses as source: RTM_GETROUTE against a client without bind()."""

from __future__ import annotations

import socket

import pytest

from lowatch.core.addresses import format_address, parse_address
from lowatch.wire.rtnetlink import get_source, parse_route
from tests.kernel_behaviour.asking import NETLINK_ROUTE, ask, is_local, settle
from tests.support.netns import Netns

NEAR_VIP, FAR = "2001:db8::11", "2001:4860:4860::8888"


def clients_source(destination: str) -> str:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client:
        client.connect((destination, 9))
        address: str = client.getsockname()[0]
    return address


def source(destination: str) -> str:
    """By RTM_GETROUTE; it is what a client gets."""
    reply, span = ask(NETLINK_ROUTE, get_source(0, parse_address(destination)))
    route = parse_route(reply, span.start, span.end)
    assert route is not None
    assert route.source is not None
    address = format_address(route.source)
    assert address == clients_source(destination)
    return address


@pytest.fixture
def host(netns: Netns) -> Netns:
    """A NIC with a default route."""
    netns.batch(["link set lo up", "link add eth0 type bridge", "link set eth0 up"])
    netns.ip("addr add fe80::2/64 dev eth0 nodad")
    netns.ip("-6 route add default via fe80::1 dev eth0")
    settle(netns)
    return netns


def add(host: Netns, *addresses: str) -> None:
    for address in addresses:
        host.ip(f"addr add {address} nodad")
    settle(host)


def test_getroute_tells_what_a_client_gets(host: Netns) -> None:
    add(host, "2001:db8::10/128 dev lo")
    assert source(FAR) == source(NEAR_VIP) == "2001:db8::10"


def test_a_vip_on_lo_is_no_source_beside_an_address_of_the_nic(host: Netns) -> None:
    add(host, "2001:db8:1::5/64 dev eth0", "2001:db8::10/128 dev lo")
    assert source(FAR) == source(NEAR_VIP) == "2001:db8:1::5"


def test_the_newest_of_equals(host: Netns) -> None:
    add(host, "2001:db8::10/128 dev eth0", "2001:db8::5/64 dev eth0")
    assert (source(FAR), source(NEAR_VIP)) == ("2001:db8::5", "2001:db8::10")
    host.ip("addr del 2001:db8::10/128 dev eth0")
    add(host, "2001:db8::10/128 dev eth0")
    assert source(FAR) == "2001:db8::10"


@pytest.mark.parametrize("device", ["lo", "eth0"])
def test_a_deprecated_address_is_the_last_resort(host: Netns, device: str) -> None:
    add(host, f"2001:db8::10/128 dev {device}")
    host.ip(f"addr change 2001:db8::10/128 dev {device} preferred_lft 0")
    assert source(FAR) == "2001:db8::10"
    add(host, f"2001:db8::5/128 dev {device}")
    assert source(FAR) == source(NEAR_VIP) == "2001:db8::5"
    assert is_local("2001:db8::10")
