"""Cases 18 and 19: a prefix on lo, by mistake and on purpose."""

from pathlib import Path

import pytest

from tests.support.arp import arp_settings
from tests.support.checking import check, mend
from tests.support.daemon import configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns

ZONE = """
www   A 192.0.2.10
mail  A 192.0.2.25
git   A 192.0.2.26
other A 198.51.100.1
"""


def test_case_18_netmask_makes_a_subnet_local(netns: Netns, tmp_path: Path) -> None:
    """192.0.2.10/24 where /32 was meant: the other services of the subnet are cut off from here."""
    elsewhere = netns.sibling()
    netns.ip(f"link add eth0 type veth peer name eth0 netns {elsewhere.path}")
    for place, address in (netns, "192.0.2.1/24"), (elsewhere, "192.0.2.25/24"):
        place.ip(f"addr add {address} dev eth0")
        place.ip("link set eth0 up")
    with elsewhere.entered():
        elsewhere.listener("192.0.2.25", 80)
    netns.ip("addr add 192.0.2.10/24 dev lo")
    arp_settings(netns, all=(0, 0), eth0=(0, 0))
    netns.listener("192.0.2.10", 80)
    names = ", ".join(f'"{name}.example.com:80"' for name in ("www", "mail", "git", "other"))
    with Knot({"example.com": ZONE}) as knot:
        text = configuration(knot, f"domains = [{names}]")
        with pytest.raises(ConnectionRefusedError):
            netns.sockets.connect("192.0.2.25", 80)
        seen = check(tmp_path, text)
        assert (seen.code, seen.kinds()) == (1, {"wide-prefix": 1, "orphan-vip": 2, "arp-leak": 1})
        wide = seen.finding("wide-prefix")
        assert wide["severity"] == "warning"
        assert wide["key"] == "wide-prefix/lo/192.0.2.0-24"
        assert wide["message"] == (
            "192.0.2.10/24 on lo makes 256 addresses local to this host and shadows 2 configured "
            "domains: git.example.com, mail.example.com"
        )
        assert wide["fix"] == ["ip address add 192.0.2.10/32 dev lo && ip address del 192.0.2.10/24 dev lo"]
        orphan = next(found for found in seen.findings("orphan-vip") if "mail" in found["domain"])
        assert "resolves to 192.0.2.25, which a wider prefix on lo makes local" in orphan["message"]
        assert orphan["fix"] == wide["fix"]  # 192.0.2.10 itself is served, and stays

        # And neighbours that ask for any of the 256 hear this host.
        leak = seen.finding("arp-leak")
        assert leak["message"].startswith("192.0.2.10/24 on lo leaks by ARP: ")

        mend(netns, [*wide["fix"], *leak["fix"]])
        netns.sockets.connect("192.0.2.25", 80)
        seen = check(tmp_path, text)
        assert (seen.code, seen.findings()) == (0, [])
        assert seen.verdict("www.example.com") == "served"


def test_case_19_anyip_on_purpose(netns: Netns, tmp_path: Path) -> None:
    """Allowlisted by an acknowledgement; the next prefix is not, though it lies inside."""
    netns.ip("route add local 192.0.2.0/24 dev lo")
    netns.listener("0.0.0.0", 80)
    accepted = """
[[acknowledge]]
kind = "wide-prefix"
interface = "lo"
address = "192.0.2.0/24"
until = 2099-12-31
reason = "AnyIP for the CDN's names"
"""
    with Knot({"example.com": ZONE}) as knot:
        top = 'domains = ["www.example.com", "mail.example.com"]'
        fires = check(tmp_path, configuration(knot, top))
        assert (fires.code, fires.kinds()) == (1, {"wide-prefix": 1})
        wide = fires.finding("wide-prefix")
        assert wide["message"].startswith(
            "the local route 192.0.2.0/24 through lo makes 256 addresses local to this host"
        )
        assert wide["fix"] == []  # www and mail are served there, and would be gone

        seen = check(tmp_path, configuration(knot, top, tables=accepted))
        assert (seen.code, seen.finding("wide-prefix")["state"]) == (0, "acknowledged")
        assert {row["verdict"] for row in seen.report["endpoints"]} == {"served", "unused"}

        netns.ip("route add local 198.51.100.0/25 dev lo")
        seen = check(tmp_path, configuration(knot, top, tables=accepted))
        assert seen.code == 1
        states = {found["address"]: found["state"] for found in seen.findings("wide-prefix")}
        assert states == {"192.0.2.0": "acknowledged", "198.51.100.0": "firing"}
