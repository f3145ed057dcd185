"""Case 21, and its likes: an address on two interfaces of one host, or of two hosts."""

from pathlib import Path

from tests.support.checking import check
from tests.support.daemon import configuration
from tests.support.dns_server import Knot
from tests.support.duplicates import another_host_has
from tests.support.netns import Netns
from tests.support.waiting import eventually

WWW = "www.example.com"


def test_case_21_same_ipv6_on_lo_and_a_nic_dadfailed(netns: Netns, tmp_path: Path) -> None:
    """The NIC's copy is dead; clients here reach lo's, and clients elsewhere the other host."""
    another_host_has(netns, "2001:db8::10/64")
    netns.ip("addr add 2001:db8::10/64 dev eth0")
    netns.ip("addr add 2001:db8::10/128 dev lo")
    eventually(lambda: "dadfailed" in netns.ip("-6 addr show dev eth0"))
    eventually(lambda: "tentative" not in netns.ip("-6 addr show dev lo"))
    netns.listener("2001:db8::10", 80)
    with Knot({"example.com": "www AAAA 2001:db8::10"}) as knot:
        seen = check(tmp_path, configuration(knot, f'domains = ["{WWW}:80"]'))
        watched = check(tmp_path, configuration(knot, f'interfaces = ["eth0"]\ndomains = ["{WWW}:80"]'))
    assert (seen.code, seen.kinds(), seen.verdict(WWW)) == (1, {"duplicate-vip": 1}, "served")
    finding = seen.finding("duplicate-vip")
    assert (finding["severity"], finding["interface"]) == ("warning", "lo")
    assert finding["message"] == (
        "2001:db8::10 is on lo (/128) and on eth0 (/64): on eth0 duplicate address detection failed, "
        "because another host on that link has it"
    )
    assert finding["fix"] == []
    assert watched.finding("duplicate-vip")["interface"] == "eth0"


def test_detection_failed_and_lo_has_it_not(netns: Netns, tmp_path: Path) -> None:
    another_host_has(netns, "2001:db8::10/64")
    netns.ip("addr add 2001:db8::10/64 dev eth0")
    eventually(lambda: "dadfailed" in netns.ip("-6 addr show dev eth0"))
    seen = check(tmp_path, 'interfaces = ["eth0"]\nexpect = ["2001:db8::10"]')
    assert seen.kinds() == {"duplicate-vip": 1}
    assert seen.finding("duplicate-vip")["message"].endswith(
        "another host on that link has it: this host does not use it"
    )


def test_taken_off_one_of_them_the_finding_goes(netns: Netns, tmp_path: Path) -> None:
    netns.batch(["link add eth0 type bridge", "link set eth0 up"])
    netns.ip("addr add 192.0.2.10/24 dev eth0 label eth0:vip")
    netns.ip("addr add 192.0.2.10/32 dev lo")
    netns.listener("192.0.2.10", 80)
    with Knot({"example.com": "www A 192.0.2.10"}) as knot:
        text = configuration(knot, f'domains = ["{WWW}:80"]')
        seen = check(tmp_path, text)
        assert seen.finding("duplicate-vip")["message"].startswith(
            "192.0.2.10 is on lo (/32) and on eth0 (/24, eth0:vip): "
        )
        netns.ip("addr del 192.0.2.10/32 dev lo")
        assert check(tmp_path, text).findings("duplicate-vip") == []


def test_an_ordinary_host_holds_nothing_twice(netns: Netns, tmp_path: Path) -> None:
    """Bridges with link-local addresses, anycast on a dummy, an unnumbered link, another VRF's address."""
    netns.dummy("anycast0")
    netns.ip("addr add 192.0.2.53/32 dev anycast0")
    netns.ip("addr add 203.0.113.1/32 dev lo")
    for number, name in enumerate(("docker0", "br-1", "br-2")):
        netns.batch([f"link add {name} type bridge", f"link set {name} up"])
        netns.ip(f"addr add 172.17.{number}.1/16 dev {name}")
        netns.ip(f"addr add fe80::1/64 dev {name} nodad")
    netns.ip("link add ppp0 type veth peer name ppp1")
    netns.ip("addr add 203.0.113.1 peer 203.0.113.2/32 dev ppp0")
    netns.ip("link set ppp0 up")
    for interfaces in '["lo"]', '["*"]':
        assert check(tmp_path, f"interfaces = {interfaces}").findings("duplicate-vip") == []
