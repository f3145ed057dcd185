"""VIPs on other interfaces than lo: a dummy, as anycast hosts have it, and a VRF."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.lvs.segment import Segment, ask
from tests.support.checking import check, mend
from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.neighbours import WebServer
from tests.support.netns import Netns

VIP, WWW = "203.0.113.10", "www.example.com"
ZONE = {"example.com": f"www A {VIP}"}


def test_anycast_on_dummy0(netns: Netns, segment: Segment, tmp_path: Path) -> None:
    """Two hosts have the address on dummy0, and a router sends the rest of the network to either."""
    here, there = segment.host("192.0.2.11/24", netns), segment.host("192.0.2.12/24")
    webs = WebServer(tmp_path, "here"), WebServer(tmp_path, "there")
    for host in here, there:
        host.batch(["link add dummy0 type dummy", f"addr add {VIP}/32 dev dummy0", "link set dummy0 up"])
        host.sysctl("net.ipv4.conf.all.arp_ignore", 1)
        host.sysctl("net.ipv4.conf.all.arp_announce", 2)
    here.ip("route add default via 192.0.2.12")
    with there.entered():
        webs[1].start()
    try:
        with webs[0] as web, Knot(ZONE) as knot:
            text = configuration(
                knot, f'interfaces = ["lo", "dummy*"]\nhold = "0s"\ndomains = ["{WWW}:80"]'
            )
            with Daemon(tmp_path, text) as daemon:
                assert ask(here, VIP) == "here"
                assert daemon.orphan(WWW, VIP, interface="dummy0") == 0

                here.ip("link set dummy0 down")  # the address stays, and stays local
                assert ask(here, VIP) == "here"
                daemon.until(lambda: daemon.findings("holder-down"))
                seen = check(tmp_path, text)
                assert (seen.verdict(WWW), seen.kinds()) == ("served", {"holder-down": 1})
                assert seen.finding("holder-down")["fix"] == ["ip link set dummy0 up"]
                mend(here, seen.finding("holder-down")["fix"])
                daemon.until(lambda: daemon.findings() == [])

                web.kill()
                with pytest.raises(ConnectionRefusedError):
                    ask(here, VIP)
                daemon.until(lambda: daemon.orphan(WWW, VIP, interface="dummy0") == 1)
                orphan = check(tmp_path, text).finding("orphan-vip")
                assert orphan["fix"] == [f"ip address del {VIP}/32 dev dummy0"]
                mend(here, orphan["fix"])
                assert ask(here, VIP) == "there"
                daemon.until(lambda: daemon.orphans() == {})
                assert check(tmp_path, text).code == 0
    finally:
        webs[1].kill()


def test_case_16_noarp_on_the_holder_does_not_help(netns: Netns, segment: Segment, tmp_path: Path) -> None:
    """kube-router#561, with the dummy that it has. It is NOARP from the start."""
    here, neighbour = segment.host("192.0.2.11/24", netns), segment.host("192.0.2.100/24")
    here.batch(["link add kube-dummy-if type dummy", f"addr add {VIP}/32 dev kube-dummy-if"])
    here.ip("link set kube-dummy-if up")
    assert "NOARP" in here.ip("link show kube-dummy-if")
    assert segment.who_has(VIP, neighbour) == {"192.0.2.11"}
    text = f'interfaces = ["kube-dummy-if"]\nexpect = ["{VIP}"]'
    leak = check(tmp_path, text).finding("arp-leak")
    assert leak["interface"] == "kube-dummy-if"
    mend(here, leak["fix"][:1])
    assert segment.who_has(VIP, neighbour) == set()
    assert check(tmp_path, text).code == 0


@pytest.fixture
def in_vrf(netns: Netns, segment: Segment) -> Netns:
    """A host with the VIP on the VRF "red", which is the loopback of its eth1; eth0 is outside of it."""
    netns.batch(["link add red type vrf table 100", "link set red up", f"addr add {VIP}/32 dev red"])
    return segment.host("192.0.2.11/24", netns)


def reaches(place: Netns, device: str | None) -> bool:
    """Whether a client reaches the VIP, in a VRF or (None) in none."""
    with place.entered(), socket.socket() as client:
        if device:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        client.settimeout(10)
        return client.connect_ex((VIP, 80)) == 0


def test_a_vip_of_a_vrf_is_local_to_its_clients_only(in_vrf: Netns, tmp_path: Path) -> None:
    """lowatch judges for clients outside of VRFs, as most are. Routing tells them apart, and so does it."""
    in_vrf.listener(VIP, 80, device="red")
    assert (reaches(in_vrf, "red"), reaches(in_vrf, None)) == (True, False)
    with Knot(ZONE) as knot:
        text = configuration(knot, f'interfaces = ["lo", "red"]\ndomains = ["{WWW}:80"]')
        seen = check(tmp_path, text)
        assert (seen.code, seen.findings(), seen.report["endpoints"]) == (0, [], [])
        assert [row["address"] for row in seen.held("red")] == [VIP]

        # The same address on lo as well: now it is everybody's, and nobody serves it outside.
        in_vrf.ip(f"addr add {VIP}/32 dev lo")
        in_vrf.sysctl("net.ipv4.conf.all.arp_ignore", 1)
        in_vrf.sysctl("net.ipv4.conf.all.arp_announce", 2)
        assert not reaches(in_vrf, None)
        seen = check(tmp_path, text)
        assert (seen.code, seen.verdict(WWW)) == (1, "orphan")
        assert seen.finding("orphan-vip")["interface"] == "lo"


def test_a_vip_of_a_vrf_is_answered_on_its_own_nics_only(
    in_vrf: Netns, segment: Segment, tmp_path: Path
) -> None:
    neighbour = segment.host("192.0.2.100/24")
    text = f'interfaces = ["lo", "red"]\nexpect = ["{VIP}"]'
    assert segment.who_has(VIP, neighbour) == set()
    assert check(tmp_path, text).findings() == []

    in_vrf.ip("link set eth0 master red")  # now its own
    assert segment.who_has(VIP, neighbour) == {"192.0.2.11"}
    leak = check(tmp_path, text).finding("arp-leak")
    assert "answered on eth0" in leak["message"]
    mend(in_vrf, leak["fix"][:1])
    assert segment.who_has(VIP, neighbour) == set()
    assert check(tmp_path, text).findings() == []


def test_a_vip_on_lo_is_answered_on_the_nics_of_a_vrf(
    netns: Netns, segment: Segment, tmp_path: Path
) -> None:
    """Table local comes before the table of a VRF, unless somebody changed the order of the rules."""
    here, neighbour = segment.host("192.0.2.11/24", netns), segment.host("192.0.2.100/24")
    here.batch(["link add red type vrf table 100", "link set red up", "link set eth0 master red"])
    here.ip(f"addr add {VIP}/32 dev lo")
    text = f'expect = ["{VIP}"]'
    assert segment.who_has(VIP, neighbour) == {"192.0.2.11"}
    leak = check(tmp_path, text).finding("arp-leak")
    mend(here, leak["fix"][:1])
    assert segment.who_has(VIP, neighbour) == set()
    assert check(tmp_path, text).findings() == []


def test_a_real_server_behind_a_tunnel(netns: Netns, segment: Segment, tmp_path: Path) -> None:
    """LVS-TUN: the VIP is on tunl0. Others may be reached by that address, so it is left to a person."""
    here = segment.host("192.0.2.11/24", netns)
    if "tunl0" not in here.ip("link"):  # the module makes it in each namespace, once it is loaded
        here.ip("link add ipip9 type ipip local 192.0.2.11 remote 192.0.2.12")
    here.batch([f"addr add {VIP}/32 dev tunl0", "link set tunl0 up"])
    here.sysctl("net.ipv4.conf.all.arp_ignore", 1)
    here.sysctl("net.ipv4.conf.all.arp_announce", 2)
    with WebServer(tmp_path, "here") as web, Knot(ZONE) as knot:
        text = configuration(knot, f'interfaces = ["tunl0"]\nhold = "0s"\ndomains = ["{WWW}:80"]')
        with Daemon(tmp_path, text) as daemon:
            assert ask(here, VIP) == "here"
            assert daemon.orphan(WWW, VIP, interface="tunl0") == 0
            web.kill()
            with pytest.raises(ConnectionRefusedError):
                ask(here, VIP)
            daemon.until(lambda: daemon.orphan(WWW, VIP, interface="tunl0") == 1)
            seen = check(tmp_path, text)
            assert (seen.code, seen.kinds()) == (1, {"orphan-vip": 1})
            orphan = seen.finding("orphan-vip")
            assert (orphan["interface"], orphan["fix"]) == ("tunl0", [])
            assert "it is an address of tunl0, through which this host may reach others" in orphan["advice"]

            here.ip("link set tunl0 down")  # the address stays local
            daemon.until(lambda: daemon.findings("holder-down"))
            web.start()
            assert ask(here, VIP) == "here"
            daemon.until(lambda: daemon.orphan(WWW, VIP, interface="tunl0") == 0)
            here.ip(f"addr del {VIP}/32 dev tunl0")
            daemon.until(lambda: daemon.orphans() == {})
