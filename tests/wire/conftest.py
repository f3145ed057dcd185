"""Network namespaces with something in them to decode."""

from __future__ import annotations

import pytest

from tests.support.netns import Netns
from tests.support.waiting import eventually


def await_ipv6(netns: Netns) -> None:
    """Its local routes come a moment after the addresses, by a work queue, and only then one can bind."""
    lines = netns.ip("-6 -oneline addr show dev lo scope global").splitlines()
    addresses = {line.split()[3].split("/")[0] for line in lines}

    def all_local() -> bool:
        routes = netns.ip("-6 route show table local type local dev lo").split()
        return addresses <= set(routes)

    assert len(addresses) > 0
    eventually(all_local)


@pytest.fixture
def furnished(netns: Netns) -> Netns:
    """Addresses and routes of every kind that could be thought of."""
    netns.run("ip", "link", "add", "veth0", "type", "veth", "peer", "name", "a-very-long-nam")
    netns.run("ip", "link", "add", "br0", "type", "bridge")
    netns.batch(
        [
            "link set veth0 up",
            "link set a-very-long-nam master br0",
            "addr add 192.0.2.10/32 dev lo label lo:vip",
            "addr add 192.0.2.11/24 dev lo valid_lft 1000 preferred_lft 500",
            "addr add 192.0.2.12/24 dev lo preferred_lft 0 valid_lft 900",
            "addr add 192.0.3.13/24 dev lo noprefixroute scope host",
            "addr add 10.5.0.1 peer 10.5.1.2/24 dev lo",
            "addr add 10.5.0.1 peer 10.5.1.3/32 dev lo",
            "addr add 198.51.100.1/24 dev veth0 brd +",
            "addr add 2001:db8::1/128 dev lo nodad",
            "addr add 2001:db8::2/64 dev lo nodad noprefixroute",
            "addr add 2001:db8::3 peer 2001:db8::4/64 dev lo nodad",
            "addr add 2001:db8::5/128 dev lo nodad preferred_lft 0 valid_lft 900",
            "addr add 2001:db8:1::1/64 dev veth0 nodad",
            "addr add 2001:db8:1::2/64 dev veth0 mngtmpaddr valid_lft 800 preferred_lft 700",
            "route add local 10.9.0.0/16 dev lo proto 66",
            "route add local 10.10.0.0/16 dev lo table 100 metric 7",
            "route add local 2001:db8:9::/48 dev lo metric 9",
            "route add local 10.11.0.1 tos 0x10 dev lo",
            "route add blackhole 10.12.0.0/16 table local",
            "route add unreachable 2001:db8:12::/48",
            "route add default via 198.51.100.2 src 198.51.100.1",
            "route add 10.13.0.0/16 nexthop via 198.51.100.2 weight 2 nexthop via 198.51.100.3",
            "route add 10.14.0.0/16 dev veth0 table 1000",
            "route add 2001:db8:13::/48 nexthop via 2001:db8:1::9 nexthop via 2001:db8:1::8",
            "route add multicast 224.0.0.0/4 dev veth0 table 100",
        ]
    )
    await_ipv6(netns)
    return netns


@pytest.fixture
def listening(netns: Netns) -> Netns:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    netns.ip("addr add 2001:db8::1/128 dev lo nodad")
    await_ipv6(netns)
    netns.listener("192.0.2.10", 80, backlog=7)
    netns.full_listener("0.0.0.0", 81, backlog=2)
    netns.listener("::", 82, v6only=False)
    netns.listener("::ffff:192.0.2.10", 83)
    netns.listener("2001:db8::1", 84, device="lo")
    netns.listener("192.0.2.10", 85, mptcp=True)
    netns.udp("192.0.2.10", 53)
    netns.udp("::", 54)
    return netns
