"""What `lowatch explain` says at three in the morning, on a real kernel, beyond the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.checking import lowatch, mend
from tests.support.daemon import configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns

VIP = "192.0.2.10"
REHEARSED = "rehearsed: ends the finding, takes nothing else away"
YES = "may it go yes, nothing that is known here uses it:"


@pytest.fixture
def other(netns: Netns) -> Netns:
    """Another host, 198.51.100.2, by eth0."""
    made = netns.sibling()
    netns.ip(f"link add eth0 type veth peer name eth0 netns {made.path}")
    for place, address in (netns, "198.51.100.1/24"), (made, "198.51.100.2/24"):
        place.ip(f"addr add {address} dev eth0")
        place.ip("link set eth0 up")
    return made


@pytest.fixture
def knot(netns: Netns) -> Iterator[Knot]:
    netns.ip(f"addr add {VIP}/32 dev lo")
    with Knot({"example.com": f"www A {VIP}"}) as running:
        yield running


def explained(directory: Path, knot: Knot, target: str, more: str = "") -> str:
    """As one line, without the breaks of the terminal's width."""
    (directory / "lowatch.toml").write_text(
        configuration(knot, f'domains = ["www.example.com:80"]\n{more}')
    )
    return " ".join(lowatch("explain", "-c", str(directory / "lowatch.toml"), target).stdout.split())


class TestRoute:
    def test_the_table_and_the_rule(self, netns: Netns, knot: Knot, other: Netns, tmp_path: Path) -> None:
        assert f"route local: {VIP}/32 on lo, table local by rule 0 held" in explained(tmp_path, knot, VIP)
        assert "routed by 198.51.100.0/24 on eth0, table main by rule 32766" in explained(
            tmp_path, knot, "198.51.100.2"
        )

    def test_another_table(self, netns: Netns, knot: Knot, tmp_path: Path) -> None:
        netns.ip("route add local 203.0.113.0/24 dev lo table 100")
        netns.ip("rule add pref 50 to 203.0.113.0/24 lookup 100")
        said = explained(tmp_path, knot, "203.0.113.7")
        assert "route local: 203.0.113.0/24 on lo, table 100 by rule 50 " in said
        netns.ip("rule add pref 60 lookup 100")
        said = explained(tmp_path, knot, "203.0.113.7")
        assert "table 100 by one of the rules 50 and 60" in said


class TestNeighbours:
    def test_another_host_has_it(self, netns: Netns, knot: Knot, other: Netns, tmp_path: Path) -> None:
        assert "neighbour none known: " in explained(tmp_path, knot, VIP)
        netns.ip(f"neigh add {VIP} lladdr 02:00:00:00:00:07 dev eth0 nud stale")
        said = explained(tmp_path, knot, VIP)
        assert "neighbour 02:00:00:00:00:07 on eth0, stale" in said
        assert "neighbour" not in explained(tmp_path, knot, "198.51.100.77").replace("neighbours:", "")

    def test_ipv6(self, netns: Netns, knot: Knot, other: Netns, tmp_path: Path) -> None:
        netns.ip("addr add 2001:db8::10/128 dev lo nodad")
        netns.ip("neigh add 2001:db8::10 lladdr 02:00:00:00:00:08 dev eth0 nud permanent")
        said = explained(tmp_path, knot, "2001:db8::10")
        assert "neighbour 02:00:00:00:00:08 on eth0, permanent" in said


class TestMayItGo:
    def test_yes(self, netns: Netns, knot: Knot, tmp_path: Path) -> None:
        said = explained(tmp_path, knot, VIP)
        command = f"ip address del {VIP}/32 dev lo"
        assert f"{YES} {command} {REHEARSED} to persist: nothing" in said
        mend(netns, [command])
        assert "may it go" not in explained(tmp_path, knot, VIP)

    def test_its_secondaries_are_kept(self, netns: Netns, knot: Knot, tmp_path: Path) -> None:
        netns.batch(["addr add 192.0.2.20/24 dev lo", "addr add 192.0.2.21/24 dev lo"])
        netns.listener("192.0.2.21", 80)
        assert (
            "may it go yes, nothing that is known here uses it: ip address add 192.0.2.21/32 dev lo && "
            in (explained(tmp_path, knot, "192.0.2.20"))
        )

    @pytest.mark.parametrize(
        ("more", "why"),
        [
            (f'expect = ["{VIP}"]', f"{VIP} is expected here"),
            (
                f'[[acknowledge]]\naddress = "{VIP}"\nuntil = 2099-01-31\nreason = "kept"',
                f"{VIP} is acknowledged (",
            ),
        ],
    )
    def test_no(self, netns: Netns, knot: Knot, tmp_path: Path, more: str, why: str) -> None:
        assert f"may it go no: {why}" in explained(tmp_path, knot, VIP, more)

    def test_not_while_it_is_served(self, netns: Netns, knot: Knot, tmp_path: Path) -> None:
        netns.listener(VIP, 80)
        said = explained(tmp_path, knot, VIP)
        assert f"may it go no: {VIP} serves www.example.com on 80/tcp" in said

    def test_loopback_addresses_stay(self, netns: Netns, knot: Knot, tmp_path: Path) -> None:
        assert "may it go no: every host has its loopback addresses" in explained(
            tmp_path, knot, "127.0.0.1"
        )


class TestRedirects:
    @pytest.mark.parametrize("verb", ["dnat to 127.0.0.1:8080", "redirect to :8080"])
    def test_nat_to_this_host(self, netns: Netns, knot: Knot, tmp_path: Path, verb: str) -> None:
        netns.listener("0.0.0.0", 8080)
        netns.nft(
            "table ip nat { chain output { type nat hook output priority -100\n"
            f"ip daddr {VIP} tcp dport 80 {verb}\n}}; }}"
        )
        said = explained(tmp_path, knot, VIP)
        assert (
            "80/tcp redirected: no listener; a connect was accepted; NAT (DNAT or REDIRECT) leads it to"
            in said
        )
        assert "8080/tcp, on this host, where uid 0, inode" in said

    def test_nat_to_another_host(self, netns: Netns, knot: Knot, other: Netns, tmp_path: Path) -> None:
        with other.entered():
            other.listener("198.51.100.2", 80)
        netns.nft(
            "table ip nat { chain output { type nat hook output priority -100\n"
            f"ip daddr {VIP} tcp dport 80 dnat to 198.51.100.2:80\n}}\n"
            "chain postrouting { type nat hook postrouting priority 100\noifname eth0 masquerade\n}; }"
        )
        said = explained(tmp_path, knot, VIP)
        assert "a connect was accepted; NAT or IPVS leads it to another host" in said

    def test_tproxy(self, netns: Netns, knot: Knot, tmp_path: Path) -> None:
        """Packets of this host itself pass prerouting on lo, where a proxy's socket takes them."""
        netns.listener("0.0.0.0", 8080, transparent=True)
        netns.ip("rule add pref 1 fwmark 1 lookup 100")
        netns.ip("route add local default dev lo table 100")
        netns.nft(
            "table ip proxy { chain prerouting { type filter hook prerouting priority -150\n"
            f"ip daddr {VIP} tcp dport 80 tproxy to :8080 meta mark set 1 accept\n}}; }}"
        )
        said = explained(tmp_path, knot, VIP)
        assert "a connect was accepted; TPROXY leads it to a socket on another address or port" in said

    def test_nat_in_prerouting_is_for_others_only(
        self, netns: Netns, knot: Knot, other: Netns, tmp_path: Path
    ) -> None:
        """Others are served; from this host the port is refused, and that is what the finding says."""
        netns.listener("198.51.100.1", 8080)
        netns.sysctl("net.ipv4.ip_forward", 1)
        netns.nft(
            "table ip nat { chain prerouting { type nat hook prerouting priority -100\n"
            f"ip daddr {VIP} tcp dport 80 dnat to 198.51.100.1:8080\n}}; }}"
        )
        other.ip(f"route add {VIP} via 198.51.100.1")
        with other.entered():
            other.sockets.connect(VIP, 80).close()
        with pytest.raises(ConnectionRefusedError):
            netns.sockets.connect(VIP, 80)
        said = explained(tmp_path, knot, VIP)
        assert "80/tcp orphan: no listener; a connect was refused" in said
        assert "requests from this host fail" in said


def test_what_it_rests_on(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    said = explained(tmp_path, knot, VIP)
    assert (
        "Based on routes: the kernel's decision (RTM_GETROUTE); held: its own tables (RTM_GETADDR); "
        in said
    )
    assert "listeners: its socket lookup (sock_diag); connects: made from this host" in said
    assert "Based on" not in explained(tmp_path, knot, "no.example.com")
