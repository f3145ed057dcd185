"""Cases 14 to 17: the VIP of a load balancer on a real server's lo, and ARP that gives it away."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.arp import Wire, arp_settings
from tests.support.checking import check, mend
from tests.support.netns import Netns

VIP, IN_SUBNET = "192.0.2.10", "198.51.100.10"
EXPECT = 'expect = ["192.0.2.10"]'


@pytest.fixture
def real_server(netns: Netns) -> Iterator[Wire]:
    """Its NIC's name has a dot, as that of a bond's VLAN: case 15."""
    netns.ip(f"addr add {VIP}/32 dev lo")
    with Wire(netns, "bond0.1825") as wire:
        arp_settings(netns, **{"all": (0, 0), "lo": (0, 0), "bond0.1825": (0, 0)})
        yield wire


def test_case_14_only_lo_was_set(netns: Netns, real_server: Wire, tmp_path: Path) -> None:
    """dpvs#312: users get this host's default page, for their router learnt its MAC for the VIP."""
    arp_settings(netns, lo=(1, 2))
    assert real_server.answers(VIP)
    seen = check(tmp_path, EXPECT)
    assert (seen.code, seen.kinds()) == (1, {"arp-leak": 1})
    leak = seen.finding("arp-leak")
    assert leak["key"] == "arp-leak/lo/192.0.2.10"
    assert (leak["severity"], leak["interface"], leak["address"]) == ("warning", "lo", VIP)
    assert leak["message"] == (
        "192.0.2.10 on lo leaks by ARP: requests for it are answered on bond0.1825 (arp_ignore 0), and "
        "it is sent as the source of requests on bond0.1825 (arp_announce 0); neighbours may send its "
        "traffic here, bypassing a load balancer"
    )
    mend(netns, leak["fix"][1:])
    assert not real_server.answers(VIP)
    assert check(tmp_path, EXPECT).code == 0


def test_case_15_a_bonds_vlan_answers(netns: Netns, real_server: Wire, tmp_path: Path) -> None:
    """Three MACs for one VIP. Each fix mends it by itself; sysctl(8) takes a dot for a separator."""
    leak = check(tmp_path, EXPECT).finding("arp-leak")
    assert leak["fix"] == [
        "sysctl -w net/ipv4/conf/bond0.1825/arp_ignore=1 net/ipv4/conf/bond0.1825/arp_announce=2",
        "sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2",
    ]
    for command in leak["fix"]:
        arp_settings(netns, **{"all": (0, 0), "bond0.1825": (0, 0)})
        assert real_server.answers(VIP)
        mend(netns, [command])
        assert not real_server.answers(VIP)
        assert real_server.sender(VIP) != VIP
        assert check(tmp_path, EXPECT).code == 0


def test_case_16_noarp_on_the_holder_does_not_help(netns: Netns, real_server: Wire, tmp_path: Path) -> None:
    """kube-router#561."""
    netns.dummy("kube-dummy-if")
    netns.ip("link set kube-dummy-if arp off up")
    netns.batch([f"addr del {VIP}/32 dev lo", f"addr add {VIP}/32 dev kube-dummy-if"])
    assert real_server.answers(VIP)
    seen = check(tmp_path, f'interfaces = ["kube-dummy-if"]\n{EXPECT}')
    assert seen.finding("arp-leak")["interface"] == "kube-dummy-if"


def test_case_17_solved_by_1_and_1_unless_the_vip_is_of_the_nics_subnet(
    netns: Netns, real_server: Wire, tmp_path: Path
) -> None:
    """keepalived#1876. With arp_announce 1 a VIP of the NIC's own subnet still is named as the sender."""
    arp_settings(netns, all=(1, 1))
    assert real_server.sender(VIP) != VIP
    assert check(tmp_path, EXPECT).code == 0

    netns.ip(f"addr add {IN_SUBNET}/32 dev lo")
    assert real_server.sender(IN_SUBNET) == IN_SUBNET
    seen = check(tmp_path, f'expect = ["{VIP}", "{IN_SUBNET}"]')
    leak = seen.finding("arp-leak")
    assert (leak["address"], "answered" in leak["message"]) == (IN_SUBNET, False)
    assert "it is sent as the source of requests on bond0.1825 (arp_announce 1)" in leak["message"]
    mend(netns, leak["fix"][:1])
    assert real_server.sender(IN_SUBNET) != IN_SUBNET
    assert check(tmp_path, f'expect = ["{VIP}", "{IN_SUBNET}"]').code == 0


def test_known_and_accepted(netns: Netns, real_server: Wire, tmp_path: Path) -> None:
    """An anycast host announces its VIP by BGP: whether ARP tells it, too, matters to nobody."""
    accepted = f"""{EXPECT}
[[acknowledge]]
kind = "arp-leak"
until = 2099-12-31
reason = "anycast: neighbours have no business with it"
"""
    seen = check(tmp_path, accepted)
    assert (seen.code, seen.finding("arp-leak")["state"]) == (0, "acknowledged")
