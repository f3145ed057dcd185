"""In which order the kernel keeps addresses and routes: docs/internals/fixes.md."""

from __future__ import annotations

import json

from tests.support.netns import Netns

from .asking import is_local


def addresses(netns: Netns, family: int) -> list[str]:
    """Those of scope global."""
    [link] = json.loads(netns.ip(f"-j -{family} addr show dev lo"))
    return [one["local"] for one in link["addr_info"] if one["scope"] == "global"]


def test_a_new_ipv4_address_comes_last(netns: Netns) -> None:
    for command in ("192.0.2.1/24", "192.0.2.2/24", "198.51.100.1/32"):
        netns.ip(f"addr add {command} dev lo")
    assert addresses(netns, 4) == ["192.0.2.1", "198.51.100.1", "192.0.2.2"]  # secondaries last
    netns.ip("addr add 203.0.113.1/32 dev lo scope link")
    netns.ip("addr add 203.0.113.2/32 dev lo")
    [link] = json.loads(netns.ip("-j -4 addr show dev lo"))
    order = [one["local"] for one in link["addr_info"]]
    assert order.index("203.0.113.1") < order.index("203.0.113.2")
    assert order.index("203.0.113.1") < order.index("198.51.100.1")  # link is 253, global 0


def test_a_new_ipv6_address_comes_first(netns: Netns) -> None:
    for number in (1, 2, 3):
        netns.ip(f"addr add 2001:db8::{number}/128 dev lo nodad")
    assert addresses(netns, 6) == ["2001:db8::3", "2001:db8::2", "2001:db8::1"]


def protocols(netns: Netns, command: str) -> list[str]:
    return [one["protocol"] for one in json.loads(netns.ip(f"-j {command}"))]


def test_an_ipv4_route_is_appended_or_prepended(netns: Netns) -> None:
    for verb, protocol in (("add", 101), ("append", 102), ("prepend", 103)):
        netns.ip(f"route {verb} local 192.0.2.0/24 dev lo table 100 proto {protocol}")
    assert protocols(netns, "route show table 100") == ["103", "101", "102"]


def test_an_ipv6_route_comes_after_those_like_it(netns: Netns) -> None:
    netns.ip("link add n0 type veth peer name n1")
    netns.ip("link set n0 up")
    netns.ip("-6 route add 2001:db8:1::/64 dev lo table 100 proto 101 metric 7")
    netns.ip("-6 route append 2001:db8:1::/64 dev n0 table 100 proto 102 metric 7")
    assert protocols(netns, "-6 route show table 100") == ["101", "102"]
    netns.ip("-6 route del 2001:db8:1::/64 dev lo table 100")
    netns.ip("-6 route append 2001:db8:1::/64 dev lo table 100 proto 101 metric 7")
    assert protocols(netns, "-6 route show table 100") == ["102", "101"]


def test_a_local_route_stands_in_for_an_address(netns: Netns) -> None:
    netns.ip("addr add 192.0.2.1/32 dev lo")
    netns.ip("addr add 192.0.2.2/32 dev lo")
    netns.ip("addr add 2001:db8::1/128 dev lo nodad")
    netns.ip("route add 203.0.113.0/24 dev lo src 192.0.2.1")
    before = netns.ip("route show 203.0.113.0/24")
    for address in ("192.0.2.1", "2001:db8::1"):
        netns.ip(f"route add local {address} dev lo table local metric 27759")
        netns.listener(address, 80)
        length = 128 if ":" in address else 32
        netns.ip(f"addr del {address}/{length} dev lo")
        assert is_local(address)
        netns.sockets.connect(address, 80)
    assert netns.ip("route show 203.0.113.0/24") == before
