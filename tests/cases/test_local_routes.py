"""Cases 8, 9 and 10: a route of type local makes the host its own destination, without any address."""

from pathlib import Path

from tests.support.checking import check, mend
from tests.support.daemon import configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns


def test_case_08_address_gone_local_route_remains(netns: Netns, tmp_path: Path) -> None:
    netns.dummy("kube-dummy-if")
    netns.ip("link set kube-dummy-if up")
    for address in "10.96.0.10", "2001:db8:96::10":
        netns.ip(f"route add local {address} dev kube-dummy-if table local proto kernel")
    with Knot({"cluster.example": "dns A 10.96.0.10\ndns AAAA 2001:db8:96::10"}) as knot:
        top = 'interfaces = ["kube-dummy-if"]\ndomains = ["dns.cluster.example:53/udp"]'
        seen = check(tmp_path, configuration(knot, top))
        assert (seen.code, seen.kinds()) == (1, {"orphan-vip": 2})
        v4, v6 = seen.findings("orphan-vip")
        assert v4["message"] == (
            "dns.cluster.example resolves to 10.96.0.10, which a route (kernel) through "
            "kube-dummy-if makes local, but nothing listens there on 53/udp: requests from this host fail"
        )
        assert v4["fix"] == ["ip route del local 10.96.0.10 dev kube-dummy-if table local"]
        assert v6["fix"] == ["ip -6 route del local 2001:db8:96::10 dev kube-dummy-if table local"]
        ages = {row["address"]: row["age_seconds"] for row in seen.held("kube-dummy-if")}
        assert ages["10.96.0.10"] is ages["2001:db8:96::10"] is None  # the kernel keeps none

        mend(netns, v4["fix"] + v6["fix"])
        seen = check(tmp_path, configuration(knot, top))
        assert (seen.code, seen.findings(), seen.report["endpoints"]) == (0, [], [])


def google_guest_agent(netns: Netns, address: str) -> None:
    """A NIC, and what the agent does for a load balancer's address: a local route, by its protocol 66."""
    netns.ip("link add eth0 type bridge")
    netns.ip("addr add 10.128.0.5/32 dev eth0")
    netns.ip("link set eth0 up")
    netns.ip(f"route add local {address}/32 dev eth0 proto 66 table local")


def test_case_09_guest_agent_adds_local_routes_only(netns: Netns, tmp_path: Path) -> None:
    google_guest_agent(netns, "203.0.113.7")
    with Knot({"example.com": "www A 203.0.113.7"}) as knot:
        text = configuration(knot, 'interfaces = ["eth0"]\ndomains = ["www.example.com:443"]')
        seen = check(tmp_path, text)
        assert seen.code == 1
        orphan = seen.finding("orphan-vip")
        assert "which a route (proto 66) through eth0 makes local" in orphan["message"]
        assert orphan["fix"] == ["ip route del local 203.0.113.7 dev eth0 table local"]
        origins = {row["address"]: row["origin"] for row in seen.held("eth0") if row["by"] == "route"}
        assert origins == {"203.0.113.7": "proto 66"}
        mend(netns, orphan["fix"])
        assert check(tmp_path, text).findings("orphan-vip") == []


def test_case_10_control_plane_node_reaches_itself(netns: Netns, tmp_path: Path) -> None:
    """The load balancer's address is local: whoever asks it for the API asks this node, on :6443."""
    google_guest_agent(netns, "203.0.113.7")
    with Knot({"cluster.example": "api A 203.0.113.7"}) as knot:
        text = configuration(knot, 'interfaces = ["lo", "eth0"]\ndomains = ["api.cluster.example:6443"]')
        booting = check(tmp_path, text)
        assert booting.code == 1
        assert booting.finding("orphan-vip")["port"] == 6443
        netns.listener("10.128.0.5", 6443)  # on the node's own address alone: no help
        assert check(tmp_path, text).code == 1
        netns.listener("203.0.113.7", 6443)
        up = check(tmp_path, text)
        assert (up.code, up.verdict("api.cluster.example", 6443)) == (0, "served")
