"""Cases 11 and 22: an address that is held where it should not be, or not held where it should be."""

from pathlib import Path

import pytest

from tests.support.arp import arp_settings
from tests.support.checking import check, mend
from tests.support.daemon import configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns


def test_case_11_external_ip_is_another_hosts_primary(netns: Netns, tmp_path: Path) -> None:
    """kube-ipvs0, which works while it is down, claims it on every node: the other host is cut off."""
    other = netns.sibling()
    netns.ip(f"link add eth0 type veth peer name eth0 netns {other.path}")
    for place, address in (netns, "192.0.2.1/24"), (other, "192.0.2.66/24"):
        place.ip(f"addr add {address} dev eth0")
        place.ip("link set eth0 up")
    with other.entered():
        other.listener("192.0.2.66", 5432)
    netns.sockets.connect("192.0.2.66", 5432)

    netns.dummy("kube-ipvs0")
    netns.ip("addr add 192.0.2.66/32 dev kube-ipvs0")
    arp_settings(netns, all=(0, 0), eth0=(0, 0))
    with Knot({"example.com": "db A 192.0.2.66"}) as knot:
        text = configuration(knot, 'interfaces = ["lo", "kube-ipvs0"]\ndomains = ["db.example.com:5432"]')
        with pytest.raises(ConnectionRefusedError):
            netns.sockets.connect("192.0.2.66", 5432)
        seen = check(tmp_path, text)
        assert (seen.code, seen.kinds()) == (1, {"orphan-vip": 1, "holder-down": 1, "arp-leak": 1})
        leak = seen.finding("arp-leak")  # not only from here: neighbours are told that it is here
        assert (leak["interface"], leak["address"]) == ("kube-ipvs0", "192.0.2.66")
        orphan = seen.finding("orphan-vip")
        assert (orphan["interface"], orphan["address"]) == ("kube-ipvs0", "192.0.2.66")
        assert orphan["fix"] == ["ip address del 192.0.2.66/32 dev kube-ipvs0"]

        mend(netns, orphan["fix"])
        netns.sockets.connect("192.0.2.66", 5432)
        assert check(tmp_path, text).code == 0


def test_case_22_vip_missing_on_a_real_server(netns: Netns, tmp_path: Path) -> None:
    """The director sends it traffic for an address that it does not take."""
    netns.ip("addr add 192.0.2.10/32 dev lo")
    top = 'interfaces = ["eth*", "lo"]\nexpect = ["192.0.2.10", "192.0.2.11", "2001:db8::11"]'
    text = configuration(None, top)
    seen = check(tmp_path, text)
    assert (seen.code, seen.kinds()) == (1, {"missing-vip": 2})
    v4, v6 = seen.findings("missing-vip")
    assert (v4["severity"], v4["address"], v4["interface"]) == ("critical", "192.0.2.11", None)
    assert v4["message"] == "192.0.2.11 is expected on this host, but is not on eth*, lo"
    assert v4["fix"] == ["ip address add 192.0.2.11/32 dev lo"]
    assert v6["fix"] == ["ip address add 2001:db8::11/128 dev lo"]

    mend(netns, v4["fix"] + v6["fix"])
    seen = check(tmp_path, text)
    assert (seen.code, seen.findings()) == (0, [])  # expected, and so not idle
