"""Cases 24 to 26: VIPs that nobody manages, what a clean-up takes along, and a container's socket."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.arp import arp_settings
from tests.support.checking import check, mend
from tests.support.daemon import configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns


def test_case_24_vips_unmanaged_after_leader_changes(netns: Netns, tmp_path: Path) -> None:
    """The old leader keeps the address, on its NIC in ARP mode and on lo in BGP mode: both are watched."""
    leader = netns.sibling()
    netns.ip(f"link add eth0 type veth peer name eth0 netns {leader.path}")
    for place, address in (netns, "192.0.2.1/24"), (leader, "192.0.2.2/24"):
        place.ip(f"addr add {address} dev eth0")
        place.ip("link set eth0 up")
    leader.batch(["addr add 192.0.2.100/32 dev eth0", "addr add 198.51.100.7/32 dev lo"])
    with leader.entered():
        for vip in "192.0.2.100", "198.51.100.7":
            leader.listener(vip, 6443)
    netns.batch(["addr add 192.0.2.100/32 dev eth0", "addr add 198.51.100.7/32 dev lo"])  # as before
    arp_settings(netns, all=(1, 2))
    with Knot({"example.com": "arp A 192.0.2.100\nbgp A 198.51.100.7\nnode A 192.0.2.1"}) as knot:
        names = 'domains = ["arp.example.com:6443", "bgp.example.com:6443"]'
        seen = check(tmp_path, configuration(knot, names))
        assert seen.kinds() == {"orphan-vip": 1}, "with lo alone, the one on the NIC is not seen"
        text = configuration(knot, f'interfaces = ["lo", "eth0"]\n{names}')
        seen = check(tmp_path, text)
        orphans = {one["address"]: one for one in seen.findings("orphan-vip")}
        assert {address: one["interface"] for address, one in orphans.items()} == {
            "192.0.2.100": "eth0",
            "198.51.100.7": "lo",
        }
        with pytest.raises(ConnectionRefusedError):
            netns.sockets.connect("192.0.2.100", 6443)
        mend(netns, orphans["198.51.100.7"]["fix"])
        assert orphans["192.0.2.100"]["fix"] == []
        assert orphans["192.0.2.100"]["advice"].endswith(
            "no command is offered: it is an address of eth0, through which this host may reach others"
        )
        netns.ip("addr del 192.0.2.100/32 dev eth0")  # by a person, who knows
        netns.sockets.connect("192.0.2.100", 6443).close()  # the new leader
        assert check(tmp_path, text).findings("orphan-vip") == []


@pytest.mark.parametrize("promote", [0, 1])
def test_case_25_a_secondary_vanishes_with_its_primary(netns: Netns, tmp_path: Path, promote: int) -> None:
    """A plain deletion takes the secondary along, which is served. The fix keeps it, at every moment."""
    netns.sysctl("net.ipv4.conf.all.promote_secondaries", promote)
    netns.sysctl("net.ipv4.conf.lo.promote_secondaries", promote)
    netns.batch(["addr add 192.0.2.10/24 dev lo", "addr add 192.0.2.11/24 dev lo"])
    netns.listener("192.0.2.11", 80)
    with Knot({"example.com": "old A 192.0.2.10\nwww A 192.0.2.11"}) as knot:
        text = configuration(knot, 'domains = ["old.example.com:80", "www.example.com:80"]')
        orphan = check(tmp_path, text).finding("orphan-vip")
        assert orphan["address"] == "192.0.2.10"
        (command,) = orphan["fix"]
        assert command.startswith("ip address add 192.0.2.11/32 dev lo && ip address del 192.0.2.11/24")
        for step in command.split(" && "):
            mend(netns, [step])
            netns.sockets.connect("192.0.2.11", 80).close()
        seen = check(tmp_path, text)
        assert seen.findings("orphan-vip") == []
        assert (seen.verdict("www.example.com"), [row["address"] for row in seen.held("lo")][-1:]) == (
            "served",
            ["192.0.2.11"],
        )


def test_case_26_another_namespaces_listener_serves_nobody_here(netns: Netns, tmp_path: Path) -> None:
    """A container has the same address and port, and even a wildcard socket: not this host's."""
    container = netns.sibling()
    for place in netns, container:
        place.ip("addr add 192.0.2.10/32 dev lo")
    container.ip("link set lo up")
    with container.entered():
        container.listener("0.0.0.0", 80)
        container.sockets.connect("192.0.2.10", 80).close()
    with Knot({"example.com": "www A 192.0.2.10"}) as knot:
        text = configuration(knot, 'domains = ["www.example.com:80"]')
        with pytest.raises(ConnectionRefusedError):
            netns.sockets.connect("192.0.2.10", 80)
        seen = check(tmp_path, text)
        assert (seen.code, seen.verdict("www.example.com")) == (1, "orphan")
        assert seen.finding("orphan-vip")["fix"] == ["ip address del 192.0.2.10/32 dev lo"]
