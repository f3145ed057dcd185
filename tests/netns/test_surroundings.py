"""What lies around the watched addresses, as a real kernel lists it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from lowatch.core.addresses import format_address, parse_address, parse_prefix
from lowatch.core.known import Known, Unknown
from lowatch.core.limits.kernel import ROUTES_LISTED
from lowatch.core.policy import Policy
from lowatch.core.surroundings import Route, Surroundings
from lowatch.kernel.host import Host
from tests.support.netns import Netns


@pytest.fixture
def host(netns: Netns) -> Iterator[Host]:
    with closing(Host(Policy())) as made:
        yield made


def around(host: Host) -> Surroundings:
    host.invalidate()
    host.refresh()
    found = host.surroundings()
    assert isinstance(found, Known), found
    return found.value


def furnish(netns: Netns) -> None:
    netns.batch(
        [
            "link add eth0 type veth peer name eth1",
            "link set eth0 up",
            "link set eth1 up",
            "addr add 198.51.100.1/24 dev eth0",
            "addr add 192.0.2.10/32 dev lo",
        ]
    )


def test_routes_of_every_kind_and_table(netns: Netns, host: Host) -> None:
    furnish(netns)
    for command in (
        "route add 203.0.113.0/24 via 198.51.100.2 src 192.0.2.10 table 1000",
        "route add 10.1.0.0/16 nexthop via 198.51.100.2 dev eth0 nexthop dev eth1",
        "route add blackhole 10.2.0.0/16",
        "route add throw 10.3.0.0/16 table local",
        "route add local 10.9.0.0/16 dev lo",
        "-6 route add unreachable 2001:db8:2::/48",
    ):
        netns.ip(command)
    routes = around(host).routes
    for expected in (
        Route(parse_prefix("203.0.113.0/24"), "unicast", ("eth0",), 1000, parse_address("192.0.2.10")),
        Route(parse_prefix("10.1.0.0/16"), "unicast", ("eth0", "eth1")),
        Route(parse_prefix("10.2.0.0/16"), "blackhole"),
        Route(parse_prefix("10.3.0.0/16"), "throw", (), 255),
        Route(parse_prefix("10.9.0.0/16"), "local", ("lo",), 255),
    ):
        assert routes.count(expected) == 1, (expected, routes)
    assert "unreachable" in {r.kind for r in routes if r.prefix == parse_prefix("2001:db8:2::/48")}
    connected = next(r for r in routes if r.prefix == parse_prefix("198.51.100.0/24"))
    assert (connected.by_kernel, connected.source) == (True, parse_address("198.51.100.1"))
    assert all(route.prefix != parse_prefix("192.0.2.10/32") for route in routes)  # its address brought it


def test_what_others_hold_and_what_stays_beside_an_address(netns: Netns, host: Host) -> None:
    furnish(netns)
    netns.ip("route append local 192.0.2.10 dev lo table local proto 66")
    netns.ip("route add local 192.0.2.77 dev eth0 table local")
    found = {
        (format_address(one.address), one.interface, one.by, one.origin) for one in around(host).elsewhere
    }
    assert found >= {
        ("198.51.100.1", "eth0", "address", None),
        ("192.0.2.10", "lo", "route", "proto 66"),
        ("192.0.2.77", "eth0", "route", "boot"),
    }
    assert not any(address.startswith("127.") for address, *_ in found)


def test_too_many_routes_are_not_listed(netns: Netns, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full BGP table would take seconds. The next question finds the socket in order."""
    furnish(netns)
    netns.batch(f"route add 10.{n >> 8}.{n & 255}.0/24 via 198.51.100.2" for n in range(2000))
    monkeypatch.setattr(ROUTES_LISTED, "value", 500)
    before = ROUTES_LISTED.times
    host.refresh()
    for _ in range(2):
        assert host.surroundings() == Unknown("netlink", "cannot list routes: more than 500")
    assert ROUTES_LISTED.times == before + 2
    monkeypatch.setattr(ROUTES_LISTED, "value", 5000)
    assert len([route for route in around(host).routes if route.prefix.length == 24]) > 2000
