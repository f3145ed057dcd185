"""VIPs on other interfaces than lo: dummy0, which is up, and kube-ipvs0, which kube-proxy leaves down.

connect() says who serves. A kernel without dummies has ifb, which drops what is sent into it likewise.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.arp import arp_settings
from tests.support.checking import Checked, check, each_fix, mend
from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.name_service import in_etc, write_etc
from tests.support.netns import CommandError, Netns

VIP, VIP6, OTHER = "192.0.2.10", "2001:db8::10", "192.0.2.20"
WWW, SHOP = "www.example.com", "shop.example.com"
ZONE = {"example.com": f"www A {VIP}\nwww AAAA {VIP6}\nshop A {OTHER}"}


class Holder(NamedTuple):
    netns: Netns
    name: str
    up: bool

    def add(self, *addresses: str) -> None:
        for address in addresses:
            nodad = " nodad" if ":" in address else ""
            self.netns.ip(f"addr add {address} dev {self.name}{nodad}")

    def configuration(self, knot: Knot | None, *domains: str, top: str = "") -> str:
        names = ", ".join(f'"{domain}"' for domain in domains)
        return configuration(
            knot, f'interfaces = ["lo", "{self.name[:-1]}*"]\ndomains = [{names}]\n{top}', tables=ACCEPTED
        )


ACCEPTED = """
[[acknowledge]]
kind = "holder-down"
until = 2099-12-31
reason = "it works while it is down"
"""


def add_holder(netns: Netns, name: str, *, up: bool) -> Holder:
    try:
        netns.ip(f"link add {name} type dummy")
    except CommandError:
        netns.ip(f"link add {name} type ifb")
    if up:
        netns.ip(f"link set {name} up")
    return Holder(netns, name, up)


@pytest.fixture(params=[("dummy0", True), ("kube-ipvs0", False)], ids=["dummy0", "kube-ipvs0"])
def holder(netns: Netns, request: pytest.FixtureRequest) -> Holder:
    name, up = request.param
    return add_holder(netns, name, up=up)


def connected(netns: Netns, address: str, port: int = 80) -> bool:
    """Whether a client here is accepted. Raises TimeoutError, which no caller expects."""
    try:
        netns.sockets.connect(address, port, timeout=10)
    except ConnectionRefusedError:
        return False
    return True


def active(seen: Checked) -> dict[str, int]:
    kinds = [row["kind"] for row in seen.findings() if row["state"] == "firing"]
    return {kind: kinds.count(kind) for kind in kinds}


def test_orphans_and_what_is_served(holder: Holder, tmp_path: Path) -> None:
    """Both families; then the fixes, after which the addresses lead away."""
    netns = holder.netns
    holder.add(f"{VIP}/32", f"{VIP6}/128")
    with Knot(ZONE) as knot:
        text = holder.configuration(knot, f"{WWW}:80")
        netns.listener("127.0.0.1", 80)
        assert (connected(netns, VIP), connected(netns, VIP6)) == (False, False)
        seen = check(tmp_path, text)
        assert (seen.code, active(seen)) == (1, {"orphan-vip": 2})
        assert {row["interface"] for row in seen.findings()} == {holder.name}
        assert f"which is on {holder.name}, but nothing" in seen.findings("orphan-vip")[0]["message"]

        netns.listener("::", 8080)
        netns.listener(VIP6, 80)
        netns.listener(VIP, 80)
        assert (connected(netns, VIP), connected(netns, VIP6)) == (True, True)
        seen = check(tmp_path, text)
        assert (seen.code, {row["verdict"] for row in seen.report["endpoints"]}) == (0, {"served"})


@pytest.mark.parametrize("device", ["lo", "dummy0"])
def test_a_listener_bound_to_a_device(netns: Netns, tmp_path: Path, device: str) -> None:
    """Packets to the VIP are received by the interface that holds it, and not by lo."""
    holder = add_holder(netns, "dummy0", up=True)
    holder.add(f"{VIP}/32")
    netns.listener("0.0.0.0", 80, device=device)
    with Knot(ZONE) as knot:
        seen = check(tmp_path, holder.configuration(knot, f"{WWW}:80"))
    assert connected(netns, VIP) is (device == "dummy0")
    assert seen.verdict(WWW) == ("served" if device == "dummy0" else "orphan")


def test_fixes_of_orphans(holder: Holder, tmp_path: Path) -> None:
    netns = holder.netns
    holder.add(f"{VIP}/32", f"{VIP6}/128", f"{OTHER}/32")
    netns.listener(OTHER, 80)
    with Knot(ZONE) as knot:
        text = holder.configuration(knot, f"{WWW}:80", f"{SHOP}:80")
        orphans = check(tmp_path, text).findings("orphan-vip")
        assert sorted(each_fix(orphans)) == [
            f"ip address del {VIP}/32 dev {holder.name}",
            f"ip address del {VIP6}/128 dev {holder.name}",
        ]
        mend(netns, list(each_fix(orphans)))
        seen = check(tmp_path, text)
    assert (seen.code, active(seen), seen.verdict(SHOP)) == (0, {}, "served")
    assert connected(netns, OTHER)


def test_udp(holder: Holder, tmp_path: Path) -> None:
    holder.add(f"{VIP}/32")
    with Knot(ZONE) as knot:
        text = holder.configuration(knot, f"{WWW}:53/udp")
        assert check(tmp_path, text).verdict(WWW, 53) == "orphan"
        holder.netns.udp(VIP, 53)
        assert check(tmp_path, text).verdict(WWW, 53) == "served"


def test_other_verdicts(holder: Holder, tmp_path: Path) -> None:
    """backlogged, captured (by whatever is not the unit that is named), redirected by NAT."""
    netns = holder.netns
    holder.add(f"{VIP}/32", f"{OTHER}/32")
    netns.listener("127.0.0.1", 8080)
    netns.nft(
        "table ip nat { chain output { type nat hook output priority -100\n"
        f"ip daddr {VIP} tcp dport 81 redirect to :8080\n}}\n}}"
    )
    netns.full_listener(VIP, 80)
    netns.listener(OTHER, 80)
    named = f'{ACCEPTED}[[domain]]\nname = "{SHOP}"\nports = ["80/tcp"]\nunit = "none.service"\n'
    with Knot(ZONE) as knot:
        text = holder.configuration(knot, f"{WWW}:80", f"{WWW}:81").replace(ACCEPTED, named)
        seen = check(tmp_path, text)
    verdicts = {(row["domain"], row["port"]): row["verdict"] for row in seen.report["endpoints"]}
    assert verdicts[WWW, 80] == "backlogged"
    assert verdicts[WWW, 81] == "redirected"
    assert connected(netns, VIP, 81)
    assert seen.finding("backlogged-vip")["interface"] == holder.name
    # A process outside of any unit, as in some containers, is not known to be the wrong one.
    captured = seen.endpoints(SHOP)[80]["listener"]["unit"] is not None
    assert verdicts[SHOP, 80] == ("captured" if captured else "served")
    assert [row["interface"] for row in seen.findings("captured-vip")] == [holder.name] * captured


def test_host_kinds(holder: Holder, tmp_path: Path) -> None:
    """idle, wide, missing, source and duplicate; each fix ends its finding, and only that one."""
    netns = holder.netns
    arp_settings(netns, all=(1, 2))
    netns.batch(["link add eth0 type bridge", "link set eth0 up", f"addr add {OTHER}/24 dev eth0"])
    holder.add(f"{VIP}/32", f"{OTHER}/32", "203.0.113.9/32")
    netns.ip(f"route add local 198.51.100.0/24 dev {holder.name}")
    text = holder.configuration(None, top=f'expect = ["{OTHER}", "203.0.113.9", "192.0.2.99"]')
    text = text.replace('"lo", ', "")
    seen = check(tmp_path, text)
    assert active(seen) == {"missing-vip": 1, "wide-prefix": 1, "duplicate-vip": 1, "idle-vip": 1}
    for kind in "wide-prefix", "duplicate-vip", "idle-vip":
        assert seen.finding(kind)["interface"] == holder.name
    fixes = {row["kind"]: row["fix"] for row in seen.findings()}
    assert fixes["missing-vip"] == [f"ip address add 192.0.2.99/32 dev {holder.name}"]
    assert fixes["wide-prefix"] == [f"ip route del local 198.51.100.0/24 dev {holder.name} table local"]
    assert fixes["idle-vip"] == [f"ip address del {VIP}/32 dev {holder.name}"]
    for kind in "missing-vip", "wide-prefix", "idle-vip":
        mend(netns, fixes[kind])
        kinds = active(seen)
        seen = check(tmp_path, text)
        assert active(seen) == {other: n for other, n in kinds.items() if other != kind}
    netns.ip(f"addr del {OTHER}/24 dev eth0")
    assert check(tmp_path, text).code == 0


def test_ipv6_prefixes_and_sources(netns: Netns, tmp_path: Path) -> None:
    """A /64 swallows its neighbours once the interface is up; and a VIP may become a source address."""
    holder = add_holder(netns, "dummy0", up=False)
    netns.batch(["link add eth0 type bridge", "link set eth0 up"])
    netns.ip("addr add 2001:db8:f::1/64 dev eth0 nodad")
    holder.add("2001:db8:1::10/64")
    text = holder.configuration(None, top='expect = ["2001:db8:1::10"]')
    assert active(check(tmp_path, text)) == {}
    with pytest.raises(OSError, match="unreachable"):
        netns.sockets.connect("2001:db8:1::11", 80, timeout=0.2)
    netns.ip("link set dummy0 up")
    with pytest.raises(TimeoutError):
        netns.sockets.connect("2001:db8:1::11", 80, timeout=0.2)
    seen = check(tmp_path, text)
    assert active(seen) == {"black-hole-prefix": 1}
    hole = seen.finding("black-hole-prefix")
    assert (hole["interface"], hole["fix"]) == ("dummy0", ["ip -6 route del 2001:db8:1::/64 dev dummy0"])
    mend(netns, hole["fix"])
    seen = check(tmp_path, text)
    assert (seen.code, [row["address"] for row in seen.held("dummy0") if row["prefixlen"] == 64][:1]) == (
        0,
        ["2001:db8:1::10"],
    )


def test_an_ipv4_prefix_makes_only_its_address_local(netns: Netns, tmp_path: Path) -> None:
    """Unlike on lo, where all of it is local: here the rest is routed into the interface, and lost."""
    holder = add_holder(netns, "dummy0", up=True)
    holder.add(f"{VIP}/24")
    netns.listener("0.0.0.0", 80)
    with Knot(ZONE) as knot:
        seen = check(tmp_path, holder.configuration(knot, f"{WWW}:80", f"{SHOP}:80"))
    assert connected(netns, VIP)
    with pytest.raises(OSError, match=r"timed out|No route to host"):
        netns.sockets.connect(OTHER, 80, timeout=0.2)
    assert seen.verdict(WWW) == "served"
    assert {row["domain"] for row in seen.report["endpoints"]} == {WWW}
    assert seen.findings("wide-prefix") == []


def test_views_that_disagree(holder: Holder, tmp_path: Path) -> None:
    netns = holder.netns
    holder.add(f"{VIP}/32")
    netns.listener(VIP, 80)
    etc = write_etc(
        tmp_path / "etc",
        {
            "hosts": f"{VIP} {WWW}\n".encode(),
            "nsswitch.conf": b"hosts: files dns\n",
            "resolv.conf": b"nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
        },
    )
    file = tmp_path / "lowatch.toml"
    with Knot({"example.com": "www A 198.51.100.7"}, port=53) as knot:
        file.write_text(holder.configuration(knot, f"{WWW}:80"))
        command = [sys.executable, "-Wignore", "-m", "lowatch", "check", "-c", str(file)]
        shown = netns.run("sh", "-c", '"$@" || test $? = 1', "sh", *in_etc(etc, *command))
    assert f"WARNING   views-disagree: {WWW} at {VIP} on {holder.name}" in shown


def test_the_daemon_follows_interfaces_that_come_and_go(netns: Netns, tmp_path: Path) -> None:
    arp_settings(netns, all=(1, 2))
    with Knot({"example.com": f"www A {VIP}"}) as knot:
        text = f'interfaces = ["kube-*"]\nhold = "0s"\ndomains = ["{WWW}:80"]'
        with Daemon(tmp_path, configuration(knot, text, tables=ACCEPTED)) as daemon:
            assert daemon.orphans() == {}
            holder = add_holder(netns, "kube-ipvs0", up=False)
            holder.add(f"{VIP}/32")
            daemon.until(lambda: daemon.orphan(WWW, VIP, interface="kube-ipvs0") == 1)
            listener = netns.listener(VIP, 80)
            daemon.until(lambda: daemon.orphan(WWW, VIP, interface="kube-ipvs0") == 0)
            listener.close()
            daemon.until(lambda: daemon.orphan(WWW, VIP, interface="kube-ipvs0") == 1)
            netns.ip("link del kube-ipvs0")
            daemon.until(lambda: daemon.orphans() == {})
