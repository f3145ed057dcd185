"""Who answers ARP for a VIP on lo, and who names it: by which settings, of which interfaces."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.arp import HERE, Wire
from tests.support.netns import Netns

VIP, IN_SUBNET, HIDDEN, ANYIP = "192.0.2.10", "198.51.100.10", "192.0.2.20", "10.9.1.1"
"""On lo: elsewhere, in the NIC's subnet, of scope host, and inside a local route."""


def setting(netns: Netns, name: str, **values: int) -> None:
    for interface, value in values.items():
        netns.sysctl(f"net.ipv4.conf.{interface}.{name}", value)


@pytest.fixture
def wire(netns: Netns) -> Iterator[Wire]:
    netns.batch(
        [
            f"addr add {VIP}/32 dev lo",
            f"addr add {IN_SUBNET}/32 dev lo",
            f"addr add {HIDDEN}/32 dev lo scope host",
            "route add local 10.9.0.0/16 dev lo",
        ]
    )
    with Wire(netns) as made:
        for name in ("arp_ignore", "arp_announce"):  # a new namespace has the first one's
            setting(netns, name, all=0, lo=0, eth0=0)
        yield made


def test_a_vip_on_lo_is_answered_for_by_default(wire: Wire) -> None:
    assert [wire.answers(one) for one in (HERE, VIP, IN_SUBNET, HIDDEN, ANYIP)] == [True] * 5
    assert not wire.answers("203.0.113.1")


@pytest.mark.parametrize("where", ["all", "eth0"])
@pytest.mark.parametrize("value", [1, 2])
def test_arp_ignore_of_all_or_of_the_nic(netns: Netns, wire: Wire, where: str, value: int) -> None:
    setting(netns, "arp_ignore", **{where: value})
    assert [wire.answers(one) for one in (VIP, IN_SUBNET, HIDDEN, ANYIP)] == [False] * 4
    assert wire.answers(HERE)


def test_arp_ignore_of_lo_does_nothing(netns: Netns, wire: Wire) -> None:
    setting(netns, "arp_ignore", lo=1)
    setting(netns, "arp_announce", lo=2)
    assert wire.answers(VIP)
    assert wire.sender(VIP) == VIP


def test_arp_ignore_3_hides_scope_host_and_what_is_no_address(netns: Netns, wire: Wire) -> None:
    setting(netns, "arp_ignore", eth0=3)
    answered = {one: wire.answers(one) for one in (HERE, VIP, IN_SUBNET, HIDDEN, ANYIP)}
    assert answered == {HERE: True, VIP: True, IN_SUBNET: True, HIDDEN: False, ANYIP: False}


def test_arp_ignore_8_answers_nothing(netns: Netns, wire: Wire) -> None:
    setting(netns, "arp_ignore", eth0=8)
    assert not wire.answers(HERE)


@pytest.mark.parametrize("value", [-1, 4, 7, 9])
def test_arp_ignore_of_no_meaning_is_taken_and_hides_nothing(netns: Netns, wire: Wire, value: int) -> None:
    setting(netns, "arp_ignore", all=value, eth0=value)
    assert wire.answers(VIP)


def test_the_greater_of_the_two_counts_however_strict_it_is(netns: Netns, wire: Wire) -> None:
    setting(netns, "arp_ignore", all=1, eth0=3)
    setting(netns, "arp_announce", all=2, eth0=3)
    assert wire.answers(VIP)
    assert wire.sender(VIP) == VIP


@pytest.mark.parametrize("where", ["all", "eth0"])
@pytest.mark.parametrize(
    ("value", "named"),
    [
        (0, [VIP, IN_SUBNET, HIDDEN, ANYIP]),
        (1, [HERE, IN_SUBNET, HERE, HERE]),  # a VIP of the subnet that it lives in is not hidden
        (2, [HERE, HERE, HERE, HERE]),
        (3, [VIP, IN_SUBNET, HIDDEN, ANYIP]),
    ],
)
def test_arp_announce(netns: Netns, wire: Wire, where: str, value: int, named: list[str]) -> None:
    setting(netns, "arp_announce", **{where: value})
    assert [wire.sender(one) for one in (VIP, IN_SUBNET, HIDDEN, ANYIP)] == named


def test_arp_announce_2_needs_an_address_on_the_nic(netns: Netns, wire: Wire) -> None:
    """Without one it takes another interface's: no setting keeps lo's to itself then."""
    setting(netns, "arp_announce", all=2)
    netns.batch([f"addr del {HERE}/24 dev eth0", "route add 198.51.100.0/24 dev eth0"])
    assert wire.sender(VIP) == VIP


def test_noarp_on_the_holder_does_not_help_and_on_the_nic_it_does(netns: Netns, wire: Wire) -> None:
    """Case 16 (kube-router#561)."""
    netns.batch(["link add dummy0 type bridge", "link set dummy0 arp off up"])
    netns.batch([f"addr del {VIP}/32 dev lo", f"addr add {VIP}/32 dev dummy0"])
    assert wire.answers(VIP)
    netns.ip("link set dummy0 down")
    assert wire.answers(VIP)
    netns.ip("link set eth0 arp off")
    assert not wire.answers(VIP)


def test_a_bridge_port_answers_by_its_bridge(netns: Netns, wire: Wire) -> None:
    """Its frames are the bridge's, and so are the settings that count."""
    netns.batch(["link add br0 type bridge", "link set br0 up", f"addr del {HERE}/24 dev eth0"])
    netns.batch([f"addr add {HERE}/24 dev br0", "link set eth0 master br0"])
    netns.ip(f"neigh replace 198.51.100.2 lladdr {wire.mac} dev br0 nud permanent")
    setting(netns, "arp_ignore", br0=0, eth0=1)
    assert wire.answers(VIP)
    setting(netns, "arp_ignore", br0=1, eth0=0)
    assert not wire.answers(VIP)
