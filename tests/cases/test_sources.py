"""Case 20: connections of this host come from an IPv6 VIP."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.support.checking import check, mend
from tests.support.daemon import configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns
from tests.support.waiting import eventually

WWW = "www.example.com"
FAR = "2001:4860:4860::8888"
CHECKED = f'domains = ["{WWW}:6443"]'


def host(netns: Netns, *addresses: str) -> None:
    netns.batch(["link set lo up", "link add eth0 type bridge", "link set eth0 up"])
    for address in ("fe80::2/64 dev eth0", *addresses):
        netns.ip(f"addr add {address} nodad")
    netns.ip("-6 route add default via fe80::1 dev eth0")
    eventually(lambda: "tentative" not in netns.ip("-6 addr show"))


def source() -> str:
    """The source address of a connection to the far end."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client:
        client.connect((FAR, 9))
        address: str = client.getsockname()[0]
    return address


def test_case_20_ipv6_vip_chosen_as_source_address(netns: Netns, tmp_path: Path) -> None:
    """The node's own address is there, but the VIP was added last: the API server sees the VIP."""
    host(netns, "2001:db8::5/64 dev eth0", "2001:db8::10/128 dev eth0")
    netns.listener("2001:db8::10", 6443)
    assert source() == "2001:db8::10"
    with Knot({"example.com": "www AAAA 2001:db8::10"}) as knot:
        text = configuration(knot, f'interfaces = ["lo", "eth0"]\n{CHECKED}')
        seen = check(tmp_path, text)
        assert (seen.code, seen.verdict(WWW, 6443)) == (1, "served")
        finding = seen.finding("source-vip")
        assert (finding["severity"], finding["interface"]) == ("warning", "eth0")
        assert finding["message"] == (
            "2001:db8::10/128 on eth0 is the source address of this host's packets to 2001:db8::11 through "
            "eth0, where 2001:db8::5 could be: replies go wherever the VIP is announced"
        )
        assert finding["fix"] == ["ip address change 2001:db8::10/128 dev eth0 nodad preferred_lft 0"]
        mend(netns, finding["fix"])
        assert source() == "2001:db8::5"
        seen = check(tmp_path, text)
        assert (seen.findings("source-vip"), seen.verdict(WWW, 6443)) == ([], "served")
        netns.sockets.connect("2001:db8::10", 6443)


def test_a_vip_on_lo_where_the_nic_is_unnumbered(netns: Netns, tmp_path: Path) -> None:
    """The host's own address is on lo, too: the kernel takes the VIP, because it was added last."""
    host(netns, "2001:db8:1::5/128 dev lo", "2001:db8::10/128 dev lo")
    assert source() == "2001:db8::10"
    with Knot({"example.com": "www AAAA 2001:db8::10"}) as knot:
        text = configuration(knot, CHECKED)
        finding = check(tmp_path, text).finding("source-vip")
        assert "where 2001:db8:1::5 could be" in finding["message"]
        mend(netns, finding["fix"])
        assert source() == "2001:db8:1::5"
        assert check(tmp_path, text).findings("source-vip") == []


@pytest.mark.parametrize(
    "addresses",
    [
        ("2001:db8:1::5/64 dev eth0", "2001:db8::10/128 dev lo"),
        ("2001:db8::5/64 dev eth0", "2001:db8::10/128 dev eth0 preferred_lft 0"),
        ("2001:db8::10/128 dev lo",),
        ("fd00::5/64 dev lo", "2001:db8::10/128 dev lo"),
        ("2001:db8::5/64 dev eth0", "2001:db8::10/128 dev eth0 valid_lft 3600 preferred_lft 1800"),
    ],
    ids=["the NIC has its own", "deprecated", "no other", "another ULA only", "by DHCPv6"],
)
def test_no_source_or_no_vip(netns: Netns, tmp_path: Path, addresses: tuple[str, ...]) -> None:
    host(netns, *addresses)
    with Knot({"example.com": "www AAAA 2001:db8::10"}) as knot:
        seen = check(tmp_path, configuration(knot, f'interfaces = ["lo", "eth0"]\n{CHECKED}'))
    assert "orphan-vip" in seen.kinds()
    assert seen.findings("source-vip") == []


def test_a_hosts_own_addresses_are_meant_to_be_sources(netns: Netns, tmp_path: Path) -> None:
    """No name leads there, or only this host's own does."""
    host(netns, "2001:db8::5/64 dev eth0", "2001:db8::10/128 dev eth0")
    own = socket.gethostname().partition(".")[0].lower()
    with Knot({"example.com": f"{own} AAAA 2001:db8::10"}) as knot:
        for domains in "[]", f'["{own}.example.com:6443"]':
            text = configuration(knot, f'interfaces = ["*"]\ndomains = {domains}')
            assert check(tmp_path, text).findings("source-vip") == []
