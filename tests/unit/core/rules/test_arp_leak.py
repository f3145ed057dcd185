"""arp-leak: which addresses, by which NICs, and what would mend it. (By real ARP: tests/netns/.)"""

from __future__ import annotations

import time

import pytest

from lowatch.core.addresses import Address, Prefix, parse_address, parse_prefix
from lowatch.core.arp import Arp, ArpSettings, Nic
from lowatch.core.findings import Finding, FindingKind, Severity, Subject, Undecided
from lowatch.core.held import Held, Link
from lowatch.core.known import Known
from lowatch.core.policy import Policy
from lowatch.core.rules.arp_leak import arp_leak
from tests.unit.core.worlds import DEAF, VIP, VIP6, held, only_finding, route, snapshot, subjects

SUBNET = parse_prefix("198.51.100.0/24")
OWN = parse_address("198.51.100.1")
WRONG = (0, 0)


def nic(
    name: str = "eth0",
    own: tuple[int, int] = WRONG,
    addresses: tuple[Address, ...] = (OWN,),
    networks: tuple[Prefix, ...] = (SUBNET,),
) -> Nic:
    return Nic(name, ArpSettings(*own), addresses, networks)


def judged(
    *holding: Held, nics: tuple[Nic, ...], every: tuple[int, int] = WRONG
) -> list[Finding | Undecided]:
    arp = Known(Arp(ArpSettings(*every), nics))
    return list(arp_leak(snapshot(*holding, arp=arp), Policy()))


def test_a_vip_on_lo_and_a_nic_as_it_comes() -> None:
    finding = only_finding(judged(held(VIP), nics=(nic(),)))
    assert finding.subject == Subject(FindingKind.ARP_LEAK, "lo", VIP)
    assert finding.severity is Severity.WARNING
    assert finding.message == (
        "192.0.2.10 on lo leaks by ARP: requests for it are answered on eth0 (arp_ignore 0), and it is "
        "sent as the source of requests on eth0 (arp_announce 0); neighbours may send its traffic here, "
        "bypassing a load balancer"
    )
    assert finding.fix == (
        "sysctl -w net.ipv4.conf.eth0.arp_ignore=1 net.ipv4.conf.eth0.arp_announce=2",
        "sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2",
    )


def test_only_leaks_are_reported_and_fixed() -> None:
    finding = only_finding(judged(held(VIP), nics=(nic(),), every=(0, 2)))
    assert "leaks by ARP: requests for it are answered on eth0 (arp_ignore 0); nei" in finding.message
    assert finding.fix == (
        "sysctl -w net.ipv4.conf.eth0.arp_ignore=1",
        "sysctl -w net.ipv4.conf.all.arp_ignore=1",
    )
    finding = only_finding(judged(held(VIP), nics=(nic(own=(8, 0)),)))
    assert (
        "leaks by ARP: it is sent as the source of requests on eth0 (arp_announce 0); nei"
        in finding.message
    )
    assert finding.fix == (
        "sysctl -w net.ipv4.conf.eth0.arp_announce=2",
        "sysctl -w net.ipv4.conf.all.arp_announce=2",
    )


def test_arp_announce_1_names_what_is_in_the_nics_subnet() -> None:
    inside = held("198.51.100.10")
    for one in (held(VIP), held("203.0.113.1", 24), route("10.9.0.0/16")):
        assert judged(one, nics=(nic(own=(1, 1)),)) == []
    for one in (
        inside,
        held("203.0.113.1", 24, peer=parse_address("198.51.100.77")),
        route("198.51.0.0/16"),
        route("198.51.100.128/25"),
    ):
        assert "(arp_announce 1)" in only_finding(judged(one, nics=(nic(own=(1, 1)),))).message
    alone = held("198.51.101.10", 23, flags=("noprefixroute",))
    assert judged(alone, nics=(nic(own=(1, 1)),)) == []
    assert judged(inside, nics=(nic(own=(1, 1), networks=()),)) == []


def test_arp_ignore_3_hides_scope_host_and_what_is_no_address() -> None:
    for one in (held(VIP, scope=254), route("192.0.2.10/32"), route("10.9.0.0/16")):
        assert judged(one, nics=(nic(own=(3, 2)),)) == []
    for scope in (0, 200, 253):
        assert (
            "(arp_ignore 3)"
            in only_finding(judged(held(VIP, scope=scope), nics=(nic(own=(3, 2)),))).message
        )


@pytest.mark.parametrize("own", [(1, 2), (2, 2), (8, 2)])
def test_nothing_leaks(own: tuple[int, int]) -> None:
    assert judged(held(VIP), nics=(nic(own=own),)) == []
    assert judged(held(VIP), nics=(nic(),), every=own) == []


def test_no_nic_no_leak() -> None:
    assert judged(held(VIP), nics=()) == []


@pytest.mark.parametrize(
    "one",
    [held("127.0.0.53", 8), route("127.1.0.0/16"), held(VIP6), route("2001:db8::/32")],
    ids=str,
)
def test_what_has_no_arp_or_none_that_matters(one: Held) -> None:
    assert judged(one, nics=(nic(),)) == []


def test_a_local_route_leaks_as_a_whole() -> None:
    wide, host = judged(route("10.9.0.0/16"), route("192.0.2.10/32", "dummy0"), nics=(nic(),))
    assert isinstance(wide, Finding)
    assert isinstance(host, Finding)
    assert wide.subject == Subject(FindingKind.ARP_LEAK, "lo", parse_address("10.9.0.0"), prefixlen=16)
    assert wide.message.startswith("the local route 10.9.0.0/16 through lo leaks by ARP: ")
    assert host.subject == Subject(FindingKind.ARP_LEAK, "dummy0", VIP)


def test_an_address_with_its_netmask_leaks_once() -> None:
    finding = only_finding(judged(held(VIP, 24), held(VIP), held("127.0.0.1", 8), nics=(nic(),)))
    assert finding.message.startswith("192.0.2.10/24 on lo leaks by ARP: ")


def test_what_a_nic_holds_itself_is_its_to_answer_for() -> None:
    mine = nic(addresses=(OWN, VIP))
    assert judged(held(VIP), nics=(mine,)) == []
    finding = only_finding(judged(held(VIP), nics=(mine, nic("eth1"))))
    assert "on eth1 (arp_ignore 0)" in finding.message
    assert "eth0" not in finding.message
    assert "on eth0" in only_finding(judged(route("198.51.100.0/24"), nics=(nic(),))).message


def test_a_watched_interface_that_speaks_arp_hides_nothing() -> None:
    """Else each address of a host with two NICs would leak: both answer for it."""
    on_eth0 = held(OWN, 24, interface="eth0")
    assert judged(on_eth0, nics=(nic(), nic("docker0"))) == []
    found = judged(on_eth0, nics=(nic("docker0", addresses=()),))  # eth0 is down, or NOARP
    assert subjects(found) == [Subject(FindingKind.ARP_LEAK, "eth0", OWN)]


def test_of_many_nics_a_few_are_named_and_all_are_mended() -> None:
    veths = tuple(nic(f"veth{i}", addresses=(), networks=()) for i in range(200))
    finding = only_finding(judged(held(VIP), nics=(nic(), *veths)))
    assert "answered on eth0, veth0, veth1 and 198 more (arp_ignore 0)" in finding.message
    assert finding.fix == ("sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2",)


def test_each_number_is_reported_once() -> None:
    several = (nic("a", (0, 2)), nic("b", (4, 2)), nic("c", (0, 2)), nic("d", (9, 2)))
    finding = only_finding(judged(held(VIP), nics=several))
    assert "on a, b, c and 1 more (arp_ignore 0, 4)" in finding.message


@pytest.mark.parametrize(
    ("every", "own", "fix"),
    [
        # Of all, 3 is too great: it comes down, and then counts for every NIC.
        ((3, 2), (0, 0), ["net.ipv4.conf.all.arp_ignore=1"]),
        # 2 and 8 are strict enough, and stay.
        (
            (2, 2),
            (3, 0),
            [
                "net.ipv4.conf.eth0.arp_ignore=2",
                "net.ipv4.conf.all.arp_ignore=2 net.ipv4.conf.eth0.arp_ignore=2",
            ],
        ),
        (
            (8, 2),
            (9, 0),
            [
                "net.ipv4.conf.eth0.arp_ignore=8",
                "net.ipv4.conf.all.arp_ignore=8 net.ipv4.conf.eth0.arp_ignore=8",
            ],
        ),
        ((1, 3), (1, 9), ["net.ipv4.conf.all.arp_announce=2 net.ipv4.conf.eth0.arp_announce=2"]),
        ((-1, 2), (-5, 2), ["net.ipv4.conf.eth0.arp_ignore=1", "net.ipv4.conf.all.arp_ignore=1"]),
    ],
)
def test_the_greater_number_counts(every: tuple[int, int], own: tuple[int, int], fix: list[str]) -> None:
    finding = only_finding(judged(held(VIP), nics=(nic(own=own),), every=every))
    assert finding.fix == tuple(f"sysctl -w {settings}" for settings in fix)


def test_too_many_that_are_each_wrong_by_themselves_have_no_one_command() -> None:
    wrong = tuple(nic(f"veth{i}", (3, 9)) for i in range(10))
    assert only_finding(judged(held(VIP), nics=wrong)).fix == ()


def test_names_as_sysctl_and_the_shell_take_them() -> None:
    def first(name: str) -> str:
        return only_finding(judged(held(VIP), nics=(nic(name, (0, 2)),))).fix[0]

    assert first("bond0.1825") == "sysctl -w net/ipv4/conf/bond0.1825/arp_ignore=1"
    assert first("it's") == """sysctl -w 'net.ipv4.conf.it'"'"'s.arp_ignore=1'"""


@pytest.mark.parametrize("unknown", ["held", "arp"])
def test_unknown_is_undecided(unknown: str) -> None:
    world = snapshot(held(VIP), arp=Known(Arp(ArpSettings(0, 0), (nic(),))))
    rest = {"held": world.held, "arp": world.arp, unknown: DEAF}
    assert list(arp_leak(snapshot(**rest), Policy())) == [Undecided(FindingKind.ARP_LEAK, DEAF.reason)]


@pytest.mark.parametrize(("own", "leaks"), [((0, 0), 10_000), ((1, 1), 0)])
def test_ten_thousand_vips_and_two_hundred_nics(own: tuple[int, int], leaks: int) -> None:
    """The NICs are looked at once, and not for each VIP: two million times takes seconds."""
    vips = [held(Address(bytes((10, 1, i >> 8, i & 255)))) for i in range(10_000)]
    subnets = [Prefix(Address(bytes((10, 2, i, 0))), 24) for i in range(200)]
    nics = tuple(nic(f"veth{i}", own, (), (subnet,)) for i, subnet in enumerate(subnets))
    began = time.process_time()
    assert len(judged(*vips, nics=nics)) == leaks
    assert time.process_time() - began < 1.0


@pytest.mark.parametrize(
    ("holder", "of_nic", "leaks"),
    [
        ("lo", 0, True),
        ("lo", 9, True),
        ("red", 9, True),
        ("red", 0, False),
        ("red", 8, False),
        ("slave", 9, True),
    ],
)
def test_an_address_in_a_vrf_is_known_to_the_nics_of_that_vrf_only(
    holder: str, of_nic: int, leaks: bool
) -> None:
    """Seen by real ARP in tests/lvs/test_holders.py."""
    links = Link(1, "lo", up=True), Link(9, "red", up=True, vrf=9), Link(7, "slave", up=True, vrf=9)
    arp = Known(Arp(ArpSettings(*WRONG), (nic()._replace(vrf=of_nic),)))
    found = arp_leak(snapshot(held(VIP, interface=holder), arp=arp, links=Known(links)), Policy())
    assert len(list(found)) == leaks
