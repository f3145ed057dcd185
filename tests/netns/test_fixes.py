"""A fix is printed only where it takes nothing else away: each is run, and clients say what came of it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.kernel_behaviour.asking import is_local
from tests.support.checking import Checked, check, lowatch, mend
from tests.support.daemon import configuration
from tests.support.dns_server import Knot
from tests.support.netns import CommandError, Netns
from tests.support.waiting import eventually

ZONE = """
www  A 192.0.2.10
shop A 192.0.2.10
api  A 192.0.2.11
nic  A 198.51.100.1
six  AAAA 2001:db8:1::10
"""
WWW, SHOP, API, NIC, SIX = (f"{name}.example.com" for name in ("www", "shop", "api", "nic", "six"))


class Scene(NamedTuple):
    """commands: of `ip`. serving: "192.0.2.10:443/tcp". why: none is offered; or what is."""

    commands: str
    domains: str
    why: str
    serving: tuple[str, ...] = ()
    top: str = ""
    kind: str = "orphan-vip"
    address: str = "192.0.2.10"


NEIGHBOUR = "198.51.100.2"
HARMFUL = {
    "another port of the same name is served": Scene(
        "addr add 192.0.2.10/32 dev lo",
        f"{WWW}:443 {WWW}:443/udp",
        "192.0.2.10 also serves www.example.com on 443/tcp",
        ("192.0.2.10:443/tcp",),
    ),
    "another name is served on another port": Scene(
        "addr add 192.0.2.10/32 dev lo",
        f"{WWW}:80 {SHOP}:8080",
        "192.0.2.10 also serves shop.example.com on 8080/tcp",
        ("0.0.0.0:8080/tcp",),
    ),
    "another name is served by udp": Scene(
        "addr add 192.0.2.10/32 dev lo",
        f"{WWW}:80 {SHOP}:53/udp",
        "192.0.2.10 also serves shop.example.com on 53/udp",
        ("0.0.0.0:53/udp",),
    ),
    "another name of the AnyIP prefix is served": Scene(
        "route add local 192.0.2.0/24 dev lo",
        f"{WWW}:80 {API}:443",
        "192.0.2.11 also serves api.example.com on 443/tcp",
        ("0.0.0.0:443/tcp",),
    ),
    "the AnyIP prefix serves a name": Scene(
        "route add local 192.0.2.0/24 dev lo",
        f"{WWW}:80 {API}:443",
        "192.0.2.11 also serves api.example.com on 443/tcp",
        ("0.0.0.0:443/tcp",),
        kind="wide-prefix",
        address="192.0.2.0",
    ),
    "it is the address of a NIC": Scene(
        "route add default via 198.51.100.2",
        f"{NIC}:80",
        "it is an address of eth0, through which this host may reach others",
        top='interfaces = ["lo", "eth*"]',
        address="198.51.100.1",
    ),
    "a NIC has it as well": Scene(
        "addr add 192.0.2.10/32 dev lo; addr add 192.0.2.10/32 dev eth0",
        f"{WWW}:80",
        "an address on eth0 keeps it local",
    ),
    "the default route prefers it": Scene(
        "addr add 192.0.2.77/32 dev lo; route add default via 198.51.100.2 src 192.0.2.77",
        f"{WWW}:80",
        "192.0.2.77 is the source that the route 0.0.0.0/0 prefers",
        kind="idle-vip",
        address="192.0.2.77",
    ),
    "an IPv6 route prefers it": Scene(
        "addr add 2001:db8:2::1/64 dev eth0 nodad; addr add 2001:db8:1::10/128 dev lo nodad; "
        "route add 2001:db8:9::/48 via 2001:db8:2::2 src 2001:db8:1::10",
        f"{SIX}:80",
        "2001:db8:1::10 is the source that the route 2001:db8:9::/48 prefers",
        address="2001:db8:1::10",
    ),
    "packets leave from it": Scene(
        "addr flush dev eth0; addr add 192.0.2.10/32 dev lo; "
        "route add 198.51.100.2 dev eth0; route add default via 198.51.100.2 dev eth0",
        f"{WWW}:80",
        "eth0 has no address of its own: outgoing packets may use this one as their source",
    ),
    "packets leave from it, for want of one that is not deprecated": Scene(
        "addr add 2001:db8:1::10/128 dev lo nodad preferred_lft 0; route add default via fe80::2 dev eth0",
        f"{SIX}:80",
        "eth0 has no address of its own: outgoing packets may use this one as their source",
        address="2001:db8:1::10",
    ),
    "it is expected": Scene(
        "addr add 192.0.2.10/32 dev lo",
        f"{WWW}:80",
        "192.0.2.10 is expected here",
        top='expect = ["192.0.2.10"]',
    ),
    "a socket is bound to it": Scene(
        "addr add 192.0.2.10/32 dev lo",
        f"{WWW}:80",
        "192.0.2.10 has a socket bound to it",
        ("192.0.2.10:179/tcp",),
    ),
    "its secondary would lose its label": Scene(
        "addr add 192.0.2.10/24 dev lo; addr add 192.0.2.11/24 dev lo label lo:vip",
        f"{WWW}:80 {API}:80",
        "re-adding 192.0.2.11 would lose its label lo:vip",
        ("192.0.2.11:80/tcp",),
    ),
    "a transparent proxy makes everything local": Scene(
        "addr add 192.0.2.10/32 dev lo; route add local 0.0.0.0/0 dev lo table 100",
        f"{WWW}:80",
        "the local route 0.0.0.0/0 covers it too",
    ),
    "a route by hand swallows the neighbours, too": Scene(
        "addr add 2001:db8:1::10/64 dev lo nodad; route add 2001:db8::/32 dev lo",
        f"{WWW}:80",
        "the route 2001:db8::/32 through lo covers it too",
        kind="black-hole-prefix",
        address="2001:db8:1::",
    ),
    "it has a peer": Scene(
        "addr add 192.0.2.10 peer 203.0.113.9/32 dev lo", f"{WWW}:80", "the address has a peer"
    ),
    "a label would be lost": Scene(
        "addr add 192.0.2.10/24 dev lo label lo:vip",
        f"{WWW}:80",
        "re-adding the address would lose its label lo:vip",
        ("192.0.2.10:80/tcp",),
        kind="wide-prefix",
        address="192.0.2.0",
    ),
}


@pytest.fixture
def nic(netns: Netns) -> Netns:
    """eth0 leads to a neighbour, which listens on 198.51.100.2:7."""
    other = netns.sibling()
    netns.ip(f"link add eth0 type veth peer name eth0 netns {other.path}")
    for place, number in (netns, 1), (other, 2):
        place.ip(f"addr add 198.51.100.{number}/24 dev eth0")
        place.ip("link set eth0 up")
    other.ip("route add 192.0.2.0/24 via 198.51.100.1")
    with other.entered():
        other.listener(NEIGHBOUR, 7)
    netns.sysctl("net.ipv4.conf.all.arp_ignore", 1)
    netns.sysctl("net.ipv4.conf.all.arp_announce", 2)
    # The nameservers of whoever runs the tests, which getaddrinfo asks, are not waited for.
    reject = "oifname eth0 meta l4proto { tcp, udp } th dport 53 reject"
    netns.nft(f"table inet t {{ chain output {{ type filter hook output priority 0; {reject}; }}; }}")
    return other


@pytest.fixture
def audit(netns: Netns, tmp_path: Path) -> Iterator[Callable[..., Checked]]:
    with ExitStack() as stack:
        knot = stack.enter_context(Knot({"example.com": ZONE}, host="127.0.0.53"))

        def run(domains: str, top: str = "", arguments: tuple[str, ...] = (), tables: str = "") -> Checked:
            names = ", ".join(f'"{name}"' for name in domains.split())
            text = configuration(knot, f"domains = [{names}]\n{top}", tables=tables)
            return check(tmp_path, text, *arguments)

        yield run


def set_up(netns: Netns, scene: Scene) -> None:
    for command in filter(None, scene.commands.split("; ")):
        netns.ip(command)
    for place in scene.serving:
        endpoint, _, protocol = place.rpartition("/")
        address, _, port = endpoint.rpartition(":")
        (netns.listener if protocol == "tcp" else netns.udp)(address, int(port))
    if scene.kind == "orphan-vip":
        eventually(lambda: is_local(scene.address))  # IPv6's local routes come from a work queue


def found(seen: Checked, scene: Scene) -> dict[str, Any]:
    return next(
        row for row in seen.findings() if (row["kind"], row["address"]) == (scene.kind, scene.address)
    )


@pytest.mark.parametrize("scene", HARMFUL.values(), ids=HARMFUL)
def test_none_is_offered_that_would_take_anything_else(
    netns: Netns, nic: Netns, audit: Callable[..., Checked], tmp_path: Path, scene: Scene
) -> None:
    set_up(netns, scene)
    finding = found(audit(scene.domains, scene.top), scene)
    assert finding["fix"] == []
    told = " ".join(lowatch("check", "-c", str(tmp_path / "lowatch.toml")).stdout.split())
    assert f"no command is offered: {scene.why}" in told or scene.why in told, told


PLAIN = {
    "an address": Scene(
        "addr add 192.0.2.10/32 dev lo", f"{WWW}:80", "ip address del 192.0.2.10/32 dev lo"
    ),
    "beside another": Scene(
        "addr add 192.0.2.10/32 dev lo; addr add 192.0.2.11/32 dev lo",
        f"{WWW}:80 {API}:80",
        "ip address del 192.0.2.10/32 dev lo",
        ("192.0.2.11:80/tcp",),
    ),
    "with a prefix of its own": Scene(
        "addr add 192.0.2.10/24 dev lo", f"{WWW}:80", "ip address del 192.0.2.10/24 dev lo"
    ),
    "of IPv6": Scene(
        "addr add 2001:db8:1::10/128 dev lo nodad",
        f"{SIX}:80",
        "ip address del 2001:db8:1::10/128 dev lo",
        address="2001:db8:1::10",
    ),
    "a local route": Scene(
        "route add local 192.0.2.10 dev lo table local proto 66",
        f"{WWW}:80",
        "ip route del local 192.0.2.10 dev lo table local",
    ),
    "AnyIP": Scene(
        "route add local 192.0.2.0/24 dev lo",
        f"{WWW}:80",
        "ip route del local 192.0.2.0/24 dev lo table local",
    ),
    "a prefix that came along": Scene(
        "addr add 192.0.2.11/24 dev lo",
        f"{WWW}:80 {API}:80",
        "ip address add 192.0.2.11/32 dev lo && ip address del 192.0.2.11/24 dev lo",
        ("192.0.2.11:80/tcp",),
    ),
    "sshd is everywhere": Scene(
        "addr add 192.0.2.10/32 dev lo",
        f"{WWW}:80",
        "ip address del 192.0.2.10/32 dev lo",
        (":::22/tcp",),
    ),
    "a default route": Scene(
        "addr add 192.0.2.10/32 dev lo; route add default via 198.51.100.2",
        f"{WWW}:80",
        "ip address del 192.0.2.10/32 dev lo",
    ),
    "nobody goes by it": Scene(
        "addr add 192.0.2.77/32 dev lo",
        f"{WWW}:80",
        "ip address del 192.0.2.77/32 dev lo",
        kind="idle-vip",
        address="192.0.2.77",
    ),
}


@pytest.mark.parametrize("scene", PLAIN.values(), ids=PLAIN)
def test_the_plain_cases_have_one_that_works(
    netns: Netns, nic: Netns, audit: Callable[..., Checked], scene: Scene
) -> None:
    set_up(netns, scene)
    seen = audit(scene.domains, scene.top)
    finding = found(seen, scene)
    assert finding["fix"] == [scene.why]
    mend(netns, finding["fix"])
    assert audit(scene.domains, scene.top).findings() == []
    netns.sockets.connect(NEIGHBOUR, 7)


ADD, DEL = "ip address add 192.0.2.{}/32 dev lo", "ip address del 192.0.2.{}/{} dev lo"
PLANNED = {
    "its secondaries are kept": Scene(
        "addr add 192.0.2.10/24 dev lo; addr add 192.0.2.11/24 dev lo; addr add 192.0.2.12/24 dev lo",
        f"{WWW}:80 {API}:80",
        " && ".join(
            (
                *map(ADD.format, (11, 12)),
                *(DEL.format(number, 24) for number in (11, 12, 10)),
            )
        ),
        ("192.0.2.11:80/tcp", "192.0.2.12:80/tcp"),
        top='expect = ["192.0.2.12"]',
    ),
    "its primary is kept": Scene(
        "addr add 192.0.2.11/24 dev lo; addr add 192.0.2.10/24 dev lo",
        f"{WWW}:80 {API}:80",
        f"{ADD.format(11)} && {DEL.format(10, 24)} && {DEL.format(11, 24)}",
        ("192.0.2.11:80/tcp",),
    ),
    "secondaries of a prefix": Scene(
        "addr add 192.0.2.11/24 dev lo; addr add 192.0.2.12/24 dev lo",
        f"{API}:80",
        " && ".join((*map(ADD.format, (11, 12)), DEL.format(12, 24), DEL.format(11, 24))),
        ("192.0.2.11:80/tcp", "192.0.2.12:80/tcp"),
        top='expect = ["192.0.2.12"]',
        kind="wide-prefix",
        address="192.0.2.0",
    ),
    "a route prefers a secondary": Scene(
        "addr add 192.0.2.10/24 dev lo; addr add 192.0.2.11/24 dev lo; "
        "route add 203.0.113.0/24 via 198.51.100.2 src 192.0.2.11",
        f"{WWW}:80 {API}:80",
        f"{ADD.format(11)} && {DEL.format(11, 24)} && {DEL.format(10, 24)}",
        ("192.0.2.11:80/tcp",),
    ),
    "on a bridge in place of a dummy": Scene(
        "link add dummy0 type bridge; link set dummy0 arp off; link set dummy0 up; "
        "addr add 192.0.2.10/24 dev dummy0; addr add 192.0.2.11/24 dev dummy0",
        f"{WWW}:80 {API}:80",
        f"{ADD.format(11)} && {DEL.format(11, 24)} && {DEL.format(10, 24)}".replace("dev lo", "dev dummy0"),
        ("192.0.2.11:80/tcp",),
        top='interfaces = ["lo", "dummy*"]',
    ),
    "a prefix that covers it": Scene(
        "addr add 192.0.2.10/32 dev lo; addr add 192.0.2.11/24 dev lo",
        f"{WWW}:80 {API}:80",
        f"{ADD.format(11)} && {DEL.format(10, 32)} && {DEL.format(11, 24)}",
        ("192.0.2.11:80/tcp",),
    ),
    "prefixes in prefixes": Scene(
        "addr add 192.0.2.12/28 dev lo; addr add 192.0.2.11/24 dev lo",
        f"{WWW}:80 {API}:80",
        " && ".join((*map(ADD.format, (12, 11)), DEL.format(12, 28), DEL.format(11, 24))),
        ("192.0.2.11:80/tcp", "192.0.2.12:80/tcp"),
        top='expect = ["192.0.2.12"]',
    ),
    "the same address twice": Scene(
        "addr add 192.0.2.10/32 dev lo; addr add 192.0.2.10/24 dev lo",
        f"{WWW}:80",
        f"{DEL.format(10, 32)} && {DEL.format(10, 24)}",
    ),
    "a local route beside it": Scene(
        "addr add 192.0.2.10/32 dev lo; route append local 192.0.2.10 dev lo table local proto 66",
        f"{WWW}:80",
        f"{DEL.format(10, 32)} && ip route del local 192.0.2.10 dev lo table local",
    ),
    "AnyIP around it": Scene(
        "addr add 192.0.2.10/32 dev lo; addr add 192.0.2.11/32 dev lo; route add local 192.0.2.0/24 dev lo",
        f"{WWW}:80 {API}:80",
        f"{DEL.format(10, 32)} && ip route del local 192.0.2.0/24 dev lo table local",
        ("192.0.2.11:80/tcp",),
    ),
    "AnyIP and an address with the same prefix": Scene(
        "addr add 192.0.2.10/24 dev lo; addr add 192.0.2.11/24 dev lo; "
        "route append local 192.0.2.0/24 dev lo table local",
        f"{WWW}:80 {API}:80",
        f"{ADD.format(11)} && {DEL.format(11, 24)} && {DEL.format(10, 24)}"
        " && ip route del local 192.0.2.0/24 dev lo table local",
        ("192.0.2.11:80/tcp",),
    ),
}


@pytest.mark.parametrize("promote", [0, 1])
@pytest.mark.parametrize("scene", PLANNED.values(), ids=PLANNED)
def test_what_could_be_kept_is_kept(
    netns: Netns, nic: Netns, audit: Callable[..., Checked], scene: Scene, promote: int
) -> None:
    """The finding is gone, and after each command everything is local that is served."""
    netns.sysctl("net.ipv4.conf.all.promote_secondaries", promote)
    set_up(netns, scene)
    routes = netns.ip("route show table main proto boot")
    seen = audit(scene.domains, scene.top)
    finding = found(seen, scene)
    assert finding["fix"] == [scene.why]
    served = {place.partition(":")[0] for place in scene.serving}
    for command in scene.why.split(" && "):
        netns.run("sh", "-ec", command)
        assert all(map(is_local, served)), command
    after = audit(scene.domains, scene.top)
    assert after.findings() == []
    for place in scene.serving:
        netns.sockets.connect(place.partition(":")[0], 80)
    netns.sockets.connect(NEIGHBOUR, 7)
    assert netns.ip("route show table main proto boot") == routes


def test_the_first_advice_for_an_orphan_is_to_bring_the_service_back(
    netns: Netns, audit: Callable[..., Checked], tmp_path: Path
) -> None:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    audit(WWW)
    told = " ".join(lowatch("check", "-c", str(tmp_path / "lowatch.toml")).stdout.split())
    assert (
        " fix start the service for 80/tcp or 443/tcp on 192.0.2.10; "
        "if it has moved for good, remove the address: "
        "ip address del 192.0.2.10/32 dev lo "
    ) in told


def test_a_black_hole_keeps_its_address_as_it_is(netns: Netns, nic: Netns, tmp_path: Path) -> None:
    """Its flags, too: only the route goes that the kernel added."""
    netns.ip("addr add 2001:db8:1::1/64 dev eth0 nodad metric 512")
    nic.ip("addr add 2001:db8:1::2/64 dev eth0 nodad")
    with nic.entered():
        nic.listener("2001:db8:1::2", 7)
    netns.ip("addr add 2001:db8:1::10/64 dev lo nodad preferred_lft 0")
    eventually(lambda: is_local("2001:db8:1::10"))
    netns.listener("2001:db8:1::10", 80)
    before = netns.ip("-6 -br addr show dev lo"), netns.ip("-6 addr show dev lo")
    text = 'expect = ["2001:db8:1::10"]'
    hole = check(tmp_path, text).finding("black-hole-prefix")
    assert hole["fix"] == ["ip -6 route del 2001:db8:1::/64 dev lo"]
    mend(netns, hole["fix"])
    assert (netns.ip("-6 -br addr show dev lo"), netns.ip("-6 addr show dev lo")) == before
    assert check(tmp_path, text).findings() == []
    netns.sockets.connect("2001:db8:1::10", 80)
    netns.sockets.connect("2001:db8:1::2", 7)


def test_two_black_holes_are_filled_together(netns: Netns, nic: Netns, tmp_path: Path) -> None:
    """The route of one alone leaves its neighbours in the other."""
    netns.ip("addr add 2001:db8:1::1/64 dev eth0 nodad metric 512")
    nic.ip("addr add 2001:db8:1::2/64 dev eth0 nodad")
    with nic.entered():
        nic.listener("2001:db8:1::2", 7)
    for address in "2001:db8:1::10/64", "2001:db8:1::20/60":
        netns.ip(f"addr add {address} dev lo nodad")
    eventually(lambda: is_local("2001:db8:1::20") and is_local("2001:db8:1::10"))
    text = 'expect = ["2001:db8:1::10", "2001:db8:1::20"]'
    holes = {row["key"]: row["fix"] for row in check(tmp_path, text).findings("black-hole-prefix")}
    one, both = (f"ip -6 route del 2001:db8:1::/{length} dev lo" for length in (60, 64))
    assert holes == {
        "black-hole-prefix/lo/2001:db8:1::-60": [one],
        "black-hole-prefix/lo/2001:db8:1::-64": [f"{both} && {one}"],
    }
    mend(netns, holes["black-hole-prefix/lo/2001:db8:1::-64"])
    assert check(tmp_path, text).findings() == []
    netns.sockets.connect("2001:db8:1::2", 7)


def test_the_prefix_of_a_nic_is_no_black_hole(netns: Netns, nic: Netns, tmp_path: Path) -> None:
    for place, interface_id in (netns, "1"), (nic, "2"):
        place.ip(f"addr add 2001:db8:1::{interface_id}/64 dev eth0 nodad")
    with nic.entered():
        nic.listener("2001:db8:1::2", 7)
    netns.sockets.connect("2001:db8:1::2", 7)
    seen = check(tmp_path, 'interfaces = ["lo", "eth*"]\nexpect = ["2001:db8:1::1", "198.51.100.1"]')
    assert (seen.code, seen.findings()) == (0, [])


@pytest.mark.parametrize("kind", ["blackhole", "unreachable", "prohibit", "throw"])
def test_what_a_route_inside_takes_away_is_not_counted(netns: Netns, tmp_path: Path, kind: str) -> None:
    netns.ip("route add local 192.0.2.0/24 dev lo")
    netns.ip(f"route add {kind} 192.0.2.128/25 table local")
    netns.ip("addr add 192.0.2.200/32 dev lo")
    text = 'expect = ["192.0.2.200"]'
    wide = check(tmp_path, text).finding("wide-prefix")
    assert wide["message"].startswith("the local route 192.0.2.0/24 through lo makes 129 addresses local ")


def test_names_on_the_command_line_find_nothing_idle(netns: Netns, audit: Callable[..., Checked]) -> None:
    """Others may be known elsewhere; and with configured names left out, no fix is shown to be harmless."""
    for number in 10, 11, 77:
        netns.ip(f"addr add 192.0.2.{number}/32 dev lo")
    netns.listener("192.0.2.11", 80)
    assert audit(f"{WWW}:80").kinds() == {"orphan-vip": 1, "idle-vip": 1}
    seen = audit(f"{API}:80", arguments=(f"{WWW}:80",))
    assert seen.kinds() == {"orphan-vip": 1}
    assert seen.findings()[0]["fix"] == []
    seen = audit("", arguments=(f"{WWW}:80",))
    assert seen.kinds() == {"orphan-vip": 1}
    assert seen.findings()[0]["fix"] == ["ip address del 192.0.2.10/32 dev lo"]


def test_a_listener_on_all_addresses_is_use(netns: Netns, audit: Callable[..., Checked]) -> None:
    """Where some name is expected on its port."""
    for number in 11, 77:
        netns.ip(f"addr add 192.0.2.{number}/32 dev lo")
    netns.listener("0.0.0.0", 8443)
    assert audit(f"{API}:8443").findings() == []
    netns.listener("192.0.2.11", 80)
    assert audit(f"{API}:80").kinds() == {"idle-vip": 1}


def test_a_redirect_is_use(netns: Netns, audit: Callable[..., Checked]) -> None:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    netns.listener("127.0.0.1", 9999)
    netns.nft(
        "table ip nat { chain output { type nat hook output priority -100; "
        "ip daddr 192.0.2.10 tcp dport 8080 dnat to 127.0.0.1:9999; }; }"
    )
    seen = audit(f"{WWW}:80 {SHOP}:8080")
    assert seen.finding("orphan-vip")["fix"] == []


def test_udp_is_served_still(netns: Netns, audit: Callable[..., Checked]) -> None:
    """The client's own exchange, before and after what is printed was run."""
    netns.ip("addr add 192.0.2.10/32 dev lo")
    served = netns.udp("192.0.2.10", 443)

    def exchange() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(5)
            client.sendto(b"?", ("192.0.2.10", 443))
            served.settimeout(5)
            _, peer = served.recvfrom(9)
            served.sendto(b"!", peer)
            assert client.recv(9) == b"!"

    exchange()
    mend(netns, audit(f"{WWW}:443 {WWW}:443/udp").finding("orphan-vip")["fix"])
    exchange()


def test_a_nic_without_an_address_is_found_by_those_of_others(
    netns: Netns, nic: Netns, audit: Callable[..., Checked]
) -> None:
    """No sysctl is offered that would keep it from answering for them."""
    netns.sysctl("net.ipv4.conf.all.arp_ignore", 0)
    for command in "addr add 192.0.2.10/32 dev lo", "route add 203.0.113.0/24 dev eth0":
        netns.ip(command)
    assert len(audit(WWW).finding("arp-leak")["fix"]) == 2
    netns.ip("addr del 198.51.100.1/24 dev eth0")
    netns.ip("route add 203.0.113.0/24 dev eth0")
    assert audit(WWW).finding("arp-leak")["fix"] == []


def test_the_routes_that_go_with_the_last_address(netns: Netns, nic: Netns, tmp_path: Path) -> None:
    """AnyIP vanishes with the last IPv4 address of lo, without an event; what is served there, too."""
    for command in (
        "addr add 192.0.2.10/32 dev lo",
        "addr del 127.0.0.1/8 dev lo",
        "route add local 192.0.2.11 dev lo",
    ):
        netns.ip(command)
    netns.listener("192.0.2.11", 80)
    with ExitStack() as stack:
        with nic.entered():
            knot = stack.enter_context(Knot({"example.com": ZONE}, host=NEIGHBOUR))
        text = configuration(knot, f'domains = ["{WWW}:80", "{API}:80"]')
        orphan = check(tmp_path, text).finding("orphan-vip")
        assert orphan["fix"] == []
        assert (
            "removing the last address of lo would also remove the route 192.0.2.11/32" in orphan["advice"]
        )
        netns.ip("addr add 127.0.0.1/8 dev lo")
        mend(netns, check(tmp_path, text).finding("orphan-vip")["fix"])
        assert check(tmp_path, text).findings() == []
    netns.sockets.connect("192.0.2.11", 80)


def test_what_a_rule_leads_away_is_not_counted_for_sure(netns: Netns, tmp_path: Path) -> None:
    netns.ip("route add local 192.0.2.0/24 dev lo")
    for command in (
        "rule add pref 100 lookup local",
        "rule del pref 0",
        "rule add pref 50 to 192.0.2.128/25 blackhole",
    ):
        netns.ip(f"-4 {command}")
    wide = check(tmp_path, "").finding("wide-prefix")
    assert " through lo makes up to 256 addresses local " in wide["message"]


def test_an_ipv6_address_that_cannot_be_added(netns: Netns, tmp_path: Path) -> None:
    netns.sysctl("net.ipv6.conf.lo.disable_ipv6", 1)
    with pytest.raises(CommandError):
        netns.ip("addr add 2001:db8::10/128 dev lo")
    missing = check(tmp_path, 'expect = ["2001:db8::10"]').finding("missing-vip")
    assert missing["fix"] == []
    assert missing["advice"] == "no command is offered: lo can have no IPv6 address (disable_ipv6)"

    netns.sysctl("net.ipv6.conf.lo.disable_ipv6", 0)
    mend(netns, check(tmp_path, 'expect = ["2001:db8::10"]').finding("missing-vip")["fix"])
    assert check(tmp_path, 'expect = ["2001:db8::10"]').findings() == []
