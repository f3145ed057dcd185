"""`lowatch check` on a real kernel: the kinds and verdicts that no case of its own tells of."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.arp import arp_settings
from tests.support.checking import check, lowatch, mend
from tests.support.daemon import configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns

WWW = "www.example.com"


def neighbours(netns: Netns, prefix: str = "198.51.100") -> Netns:
    """Another namespace, joined to this one by eth0: .1 is here, .2 there. No ARP leaks."""
    other = netns.sibling()
    arp_settings(netns, all=(1, 2))
    netns.ip(f"link add eth0 type veth peer name eth0 netns {other.path}")
    for place, number in (netns, 1), (other, 2):
        place.ip(f"addr add {prefix}.{number}/24 dev eth0")
        place.ip("link set eth0 up")
    return other


def test_black_hole_prefix(netns: Netns, tmp_path: Path) -> None:
    """A /64 on lo routes the whole of it into lo; unlike IPv4's, it makes none of it local."""
    netns.ip("addr add 2001:db8::10/64 dev lo nodad")
    netns.ip("addr add 2001:db8:0:1::10/128 dev lo nodad")
    seen = check(tmp_path, 'expect = ["2001:db8::10", "2001:db8:0:1::10"]')
    assert (seen.code, seen.kinds()) == (1, {"black-hole-prefix": 1})
    hole = seen.finding("black-hole-prefix")
    assert (hole["severity"], hole["interface"], hole["address"]) == ("warning", "lo", "2001:db8::")
    assert hole["key"] == "black-hole-prefix/lo/2001:db8::-64"
    assert hole["message"] == (
        "2001:db8::10/64 on lo routes all of 2001:db8::/64 into lo: "
        "connections to its other addresses time out"
    )
    mend(netns, hole["fix"])
    seen = check(tmp_path, 'expect = ["2001:db8::10"]')
    assert "2001:db8::10" in [row["address"] for row in seen.held("lo")]
    assert seen.findings("black-hole-prefix") == []


def test_holder_down(netns: Netns, tmp_path: Path) -> None:
    """lo is down: what is bound to its addresses cannot be reached, and is no orphan."""
    other = neighbours(netns)
    netns.ip("addr add 192.0.2.10/32 dev lo")
    netns.listener("192.0.2.10", 80)
    with ExitStack() as stack:
        with other.entered():
            knot = stack.enter_context(Knot({"example.com": "www A 192.0.2.10"}, host="198.51.100.2"))
        text = configuration(knot, f'domains = ["{WWW}:80"]')
        netns.ip("link set lo down")
        seen = check(tmp_path, text)
        assert (seen.code, seen.kinds()) == (1, {"holder-down": 1})
        down = seen.finding("holder-down")
        assert down["message"] == (
            "lo is down and holds 2 addresses: connections from this host to its own addresses time out"
        )
        assert down["fix"] == ["ip link set lo up"]
        assert seen.verdict(WWW) == "filtered"
        mend(netns, down["fix"])
        stack.enter_context(Knot({"example.com": "www A 192.0.2.10"}))  # whom applications ask
        seen = check(tmp_path, text)
        assert (seen.code, seen.findings(), seen.verdict(WWW)) == (0, [], "served")


def test_backlogged(netns: Netns, tmp_path: Path) -> None:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    listener = netns.full_listener("0.0.0.0", 80)
    with Knot({"example.com": "www A 192.0.2.10"}) as knot:
        text = configuration(knot, f'domains = ["{WWW}"]')
        seen = check(tmp_path, text)
        assert (seen.code, seen.kinds()) == (1, {"backlogged-vip": 1})
        assert (seen.verdict(WWW), seen.verdict(WWW, 443)) == ("backlogged", "unused")
        finding = seen.finding("backlogged-vip")
        assert finding["message"] == (
            "www.example.com resolves to 192.0.2.10, but the accept queue of uid 0 on 80/tcp is full "
            "(2 of 1 connections): new connections time out"
        )
        with pytest.raises(TimeoutError):
            netns.sockets.connect("192.0.2.10", 80, timeout=0.2)
        listener.accept()[0].close()
        assert check(tmp_path, text).code == 0


def test_held_by_another_interface_as_well(netns: Netns, tmp_path: Path) -> None:
    """On eth0 it is at home, but it is on lo too: it counts, under the watched interface's name."""
    neighbours(netns, "192.0.2")
    for interface in "eth0", "lo":
        netns.ip(f"addr add 192.0.2.10/32 dev {interface}")
    with Knot({"example.com": "www A 192.0.2.10"}) as knot:
        text = configuration(knot, f'domains = ["{WWW}:80"]')
        seen = check(tmp_path, text)
        assert (seen.code, seen.finding("orphan-vip")["interface"]) == (1, "lo")
        assert seen.finding("orphan-vip")["fix"] == []  # eth0 would have it still, and nobody would say so
        netns.ip("addr del 192.0.2.10/32 dev lo")
        seen = check(tmp_path, text)  # local still, but through eth0 alone: none of our business
        assert (seen.code, seen.report["endpoints"]) == (0, [])


def test_loopback_answers_count(netns: Netns, tmp_path: Path) -> None:
    """127.0.0.1 is local on every host: a name that says so is wrong here, and no address is to blame."""
    with Knot({"example.com": "www A 127.0.0.1\nwww AAAA ::1"}) as knot:
        seen = check(tmp_path, configuration(knot, f'domains = ["{WWW}:80"]'))
    v4, v6 = seen.findings("orphan-vip")
    assert "resolves to 127.0.0.1, " in v4["message"]
    assert "resolves to ::1, " in v6["message"]
    assert (v4["fix"], v6["fix"]) == ([], [])


def test_the_hosts_own_resolver_is_no_orphan(netns: Netns, tmp_path: Path) -> None:
    """A nameserver's address, at port 53 alone: where Knot serves here only UDP and TCP of its own port."""
    netns.ip("addr add 192.0.2.53/32 dev lo")
    zone = {"example.com": "ns1 A 192.0.2.53"}
    with Knot(zone, host="192.0.2.53", port=53) as knot:
        seen = check(tmp_path, configuration(knot, 'domains = ["ns1.example.com:53/udp"]'))
        assert (seen.code, seen.report["endpoints"]) == (0, [])
        seen = check(tmp_path, configuration(knot, 'domains = ["ns1.example.com:853"]'))
        assert (seen.code, seen.verdict("ns1.example.com", 853)) == (1, "orphan")


def test_names_on_the_command_line_replace_the_configured_ones(netns: Netns, tmp_path: Path) -> None:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    netns.listener("192.0.2.10", 8080)
    with Knot({"example.com": "www A 192.0.2.10\nshop A 192.0.2.10"}) as knot:
        text = configuration(knot, f'domains = ["{WWW}:80"]')
        seen = check(tmp_path, text, "shop.example.com:8080", "SHOP.example.com.:53/udp")
        rows = seen.endpoints("shop.example.com")
        assert {port: row["verdict"] for port, row in rows.items()} == {8080: "served", 53: "orphan"}
        assert [found["domain"] for found in seen.findings()] == ["shop.example.com"]


def test_text_tells_what_and_how_to_mend_it(netns: Netns, tmp_path: Path) -> None:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    with Knot({"example.com": "www A 192.0.2.10"}) as knot:
        file = tmp_path / "lowatch.toml"
        file.write_text(configuration(knot, f'domains = ["{WWW}"]'))
        told = lowatch("check", "-c", str(file))
        explained = lowatch("explain", "-c", str(file), WWW)
    assert (told.code, told.stderr) == (1, "")
    first = told.stdout.splitlines()[0]
    assert first == (
        "1 critical finding: orphan-vip, www.example.com at 192.0.2.10 on lo, 80/tcp and 443/tcp."
    )
    assert "ip address del 192.0.2.10/32 dev lo" in told.stdout
    assert (explained.code, explained.stderr) == (0, "")
    assert "ip address del 192.0.2.10/32 dev lo" in explained.stdout
