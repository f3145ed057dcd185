"""Cases 1, 2, 4 and 5: the announcement is gone, or the service is, and the VIP stays on lo."""

import time
from pathlib import Path

import pytest

from tests.support.arp import arp_settings
from tests.support.checking import check, each_fix, mend
from tests.support.daemon import configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns
from tests.support.service import service


def test_case_01_announcement_withdrawn_vip_stays_on_lo(netns: Netns, tmp_path: Path) -> None:
    """The name moved elsewhere, where it is served; but from here it cannot be reached."""
    elsewhere = netns.sibling()
    netns.ip(f"link add eth0 type veth peer name eth0 netns {elsewhere.path}")
    for place, address in (netns, "198.51.100.1/24"), (elsewhere, "198.51.100.2/24"):
        place.ip(f"addr add {address} dev eth0")
        place.ip("link set eth0 up")
    netns.ip("route add 192.0.2.10 via 198.51.100.2")
    elsewhere.ip("addr add 192.0.2.10/32 dev lo")
    with elsewhere.entered():
        elsewhere.listener("192.0.2.10", 443)

    netns.ip("addr add 192.0.2.10/32 dev lo")  # what was left behind
    with Knot({"example.com": "www A 192.0.2.10"}) as knot:
        text = configuration(knot, 'domains = ["www.example.com:443"]')
        with pytest.raises(ConnectionRefusedError):
            netns.sockets.connect("192.0.2.10", 443)
        seen = check(tmp_path, text)
        assert seen.code == 1
        orphan = seen.finding("orphan-vip")
        assert orphan["severity"] == "critical"
        assert orphan["state"] == "firing"
        assert orphan["key"] == "orphan-vip/lo/192.0.2.10/www.example.com/443/tcp"
        assert orphan["message"] == (
            "www.example.com resolves to 192.0.2.10, which is on lo, but nothing listens there on "
            "443/tcp: requests from this host fail"
        )
        assert orphan["fix"] == ["ip address del 192.0.2.10/32 dev lo"]

        mend(netns, orphan["fix"])
        netns.sockets.connect("192.0.2.10", 443)
        seen = check(tmp_path, text)
        assert (seen.code, seen.findings(), seen.report["endpoints"]) == (0, [], [])


def test_case_02_unlabelled_addresses_never_removed(netns: Netns, tmp_path: Path) -> None:
    """Three of them, with nothing that would tell whose they are; a labelled one is in use."""
    left = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    for address in left:
        netns.ip(f"addr add {address}/32 dev lo")
    netns.ip("addr add 192.0.2.9/32 dev lo label lo:web")
    netns.listener("192.0.2.9", 80)
    zone = "".join(f"www A {address}\n" for address in [*left, "192.0.2.9"])
    with Knot({"example.com": zone}) as knot:
        text = configuration(knot, 'domains = ["www.example.com"]\nports = ["80/tcp"]')
        seen = check(tmp_path, text)
        assert (seen.code, seen.kinds()) == (1, {"orphan-vip": 3})
        assert [found["address"] for found in seen.findings("orphan-vip")] == left
        labels = {row["address"]: row["label"] for row in seen.held("lo")}
        # Without a label of its own, the kernel has the interface's name there.
        assert labels == {**dict.fromkeys(left, "lo"), "192.0.2.9": "lo:web"}

        mend(netns, list(each_fix(seen.findings("orphan-vip"))))
        seen = check(tmp_path, text)
        assert (seen.code, seen.findings()) == (0, [])
        assert [row["address"] for row in seen.held("lo")] == ["192.0.2.9"]


def test_case_04_kill_9_leaves_the_vip(netns: Netns, tmp_path: Path) -> None:
    """What added the address is older than the process that served it, which had no last words."""
    netns.ip("addr add 192.0.2.10/32 dev lo")
    with Knot({"example.com": "www A 192.0.2.10"}) as knot:
        text = configuration(knot, 'domains = ["www.example.com:80"]')
        began = time.monotonic()
        with service() as owner:
            seen = check(tmp_path, text)
            assert (seen.code, seen.verdict("www.example.com")) == (0, "served")
            owner.kill()
            owner.wait()
        seen = check(tmp_path, text)
        lasted = time.monotonic() - began
        assert seen.code == 1
        orphan = seen.finding("orphan-vip")
        assert (orphan["address"], orphan["port"]) == ("192.0.2.10", 80)
        assert orphan["fix"] == ["ip address del 192.0.2.10/32 dev lo"]
        (held,) = seen.held("lo")
        assert held["by"] == "address"
        assert lasted - 0.02 <= held["age_seconds"] < lasted + 10  # the kernel counts in 1/100 s

        with service():  # restarted: that is a cure as well
            assert check(tmp_path, text).code == 0


def test_case_05_static_pod_exits_in_bgp_mode(netns: Netns, tmp_path: Path) -> None:
    """kube-vip's address of the API server stays on lo when its pod is gone; the node's own is served."""
    netns.ip("link add eth0 type bridge")
    netns.ip("addr add 10.0.0.5/24 dev eth0")
    netns.ip("link set eth0 up")
    netns.ip("addr add 10.0.0.100/32 dev lo")
    arp_settings(netns, all=(0, 0), eth0=(0, 0))
    netns.listener("10.0.0.5", 6443)
    with Knot({"cluster.example": "api A 10.0.0.100\nnode5 A 10.0.0.5"}) as knot:
        text = configuration(knot, 'domains = ["api.cluster.example:6443", "node5.cluster.example:6443"]')
        seen = check(tmp_path, text)
        # Neighbours that ask for the address of the API server hear this host, too.
        assert (seen.code, seen.kinds()) == (1, {"orphan-vip": 1, "arp-leak": 1})
        orphan = seen.finding("orphan-vip")
        assert (orphan["interface"], orphan["domain"]) == ("lo", "api.cluster.example")
        assert orphan["fix"] == ["ip address del 10.0.0.100/32 dev lo"]
        # node5 is at home on eth0, which is not watched.
        assert [row["domain"] for row in seen.report["endpoints"]] == ["api.cluster.example"]
        mend(netns, orphan["fix"])
        assert check(tmp_path, text).code == 0
