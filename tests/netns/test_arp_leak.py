"""arp-leak on a real kernel: the verdict is what a neighbour sees, and what is hidden is looked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from lowatch.core.arp import ArpSettings, Nic
from lowatch.core.findings import Finding
from lowatch.core.known import Known
from lowatch.core.policy import Policy
from lowatch.core.rules.arp_leak import arp_leak
from lowatch.kernel.host import Host
from tests.support.arp import HERE, Wire, arp_settings
from tests.support.checking import check
from tests.support.netns import Netns
from tests.unit.core.worlds import snapshot

VIP, IN_SUBNET, HIDDEN, ANYIP = "192.0.2.10", "198.51.100.10", "192.0.2.20", "10.9.1.1"
LEFT_ON_LO = (
    f"addr add {VIP}/32 dev lo",
    f"addr add {IN_SUBNET}/32 dev lo",
    f"addr add {HIDDEN}/32 dev lo scope host",
    "route add local 10.9.0.0/16 dev lo",
)
SETTINGS = tuple(product((0, 1, 2, 3, 8), (0, 1, 2)))


@pytest.fixture
def wire(netns: Netns) -> Iterator[Wire]:
    netns.batch(LEFT_ON_LO)
    with Wire(netns) as made:
        arp_settings(netns, all=(0, 0), lo=(0, 0), eth0=(0, 0))
        yield made


def looked_at(host: Host) -> list[Finding]:
    """What a sweep would find."""
    host.invalidate()
    host.refresh()
    held = host.held()
    assert isinstance(held, Known)
    found = list(arp_leak(snapshot(*held.value, arp=host.arp()), Policy()))
    assert all(isinstance(one, Finding) for one in found)
    return [one for one in found if isinstance(one, Finding)]


def test_oracle_the_verdict_is_what_a_neighbour_sees(netns: Netns, wire: Wire) -> None:
    """All 225 settings of conf.all and the NIC, four ways to be local: answered for, or named as sender."""
    wrong = []
    with closing(Host(Policy())) as host:
        for every, own in product(SETTINGS, SETTINGS):
            arp_settings(netns, all=every, eth0=own)
            told = {one.subject.key: one.message for one in looked_at(host)}
            for address in (VIP, IN_SUBNET, HIDDEN, ANYIP):
                key = "arp-leak/lo/10.9.0.0-16" if address == ANYIP else f"arp-leak/lo/{address}"
                says = ("answered" in told.get(key, ""), "sent as the source" in told.get(key, ""))
                is_so = (wire.answers(address), wire.sender(address) == address)
                if says != is_so or any(says) != (key in told):
                    wrong.append(f"{address} all={every} eth0={own}: says {says}, is {is_so}")
    assert wrong == []


@pytest.mark.parametrize(
    ("every", "own"),
    [((0, 0), (0, 0)), ((3, 1), (1, 0)), ((0, 0), (4, 3)), ((8, 5), (9, 0)), ((2, 0), (3, 1))],
)
def test_each_fix_mends_it(netns: Netns, wire: Wire, every: tuple[int, int], own: tuple[int, int]) -> None:
    """The greater number counts: the one that is too great has to come down."""
    with closing(Host(Policy())) as host:
        arp_settings(netns, all=every, eth0=own)
        found = looked_at(host)
        assert found
        for finding in found:
            assert finding.fix
            for command in finding.fix:
                arp_settings(netns, all=every, eth0=own)
                netns.run("sh", "-ec", command)
                assert finding.subject not in [one.subject for one in looked_at(host)]


def nics(host: Host) -> dict[str, Nic]:
    host.refresh()
    arp = host.arp()
    assert isinstance(arp, Known)
    return {nic.name: nic for nic in arp.value.nics}


def test_which_nics_take_part(netns: Netns, wire: Wire) -> None:
    """Not lo, not those that are down or NOARP, and of a bridge not its ports."""
    netns.batch(
        [
            "link add br0 type bridge",
            "link set br0 up",
            "link add port0 type veth peer name far0",
            "link set port0 master br0 up",
            "link set far0 up",
            "link add down0 type bridge",
            "link add quiet0 type bridge",
            "link set quiet0 arp off up",
            "link add link far0 name mac0 type macvlan",
            "link set mac0 up",
        ]
    )
    with closing(Host(Policy())) as host:
        assert sorted(nics(host)) == ["br0", "eth0", "far0", "mac0"]
        assert nics(host)["eth0"].addresses == (bytes(map(int, HERE.split("."))),)
        netns.ip("link set port0 nomaster")
        host.invalidate()
        assert "port0" in nics(host)


def test_settings_are_read_again(netns: Netns, wire: Wire) -> None:
    """conf.all with every look; a NIC's own with every dump: no event tells of either."""
    with closing(Host(Policy())) as host:
        assert nics(host)["eth0"].own == ArpSettings(0, 0)
        arp_settings(netns, all=(2, 1), eth0=(8, 2))
        arp = host.arp()
        assert isinstance(arp, Known)
        assert arp.value.conf_all == ArpSettings(2, 1)
        before = host.generation
        host.invalidate()
        assert nics(host)["eth0"].own == ArpSettings(8, 2)
        assert host.generation > before


def test_an_address_that_the_nic_holds_itself_is_its_to_answer_for(
    netns: Netns, wire: Wire, tmp_path: Path
) -> None:
    netns.batch(["route del local 10.9.0.0/16 dev lo", f"addr add {VIP}/32 dev eth0"])
    names = {found["address"] for found in check(tmp_path, 'interfaces = ["*"]').findings("arp-leak")}
    assert names == {IN_SUBNET, HIDDEN}  # nor what is on eth0 alone


def check_without_proc_sys(netns: Netns, *preparation: str) -> dict[str, Any]:
    """`lowatch check`, where /proc is as ProcSubset=pid has it, in namespaces of its own."""
    steps = ["mount -t tmpfs none /run", *preparation, "mount -t proc -o subset=pid proc /proc"]
    script = "\n".join([*steps, '"$@" || test $? -le 3'])
    audit = [sys.executable, "-m", "lowatch", "check", "--format", "json", "-c", "/dev/stdin"]
    unshared = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", script, "sh"]
    report: dict[str, Any] = json.loads(netns.run(*unshared, *audit, stdin=f'expect = ["{VIP}"]'))
    return report


def leaking(report: dict[str, Any]) -> list[str]:
    return sorted(found["address"] for found in report["findings"] if found["kind"] == "arp-leak")


def test_where_the_unit_hides_proc_sys(netns: Netns, wire: Wire) -> None:
    """BindReadOnlyPaths=/proc/sys/net:/run/lowatch-sysnet."""
    bound = ("mkdir /run/lowatch-sysnet", "mount --bind /proc/sys/net /run/lowatch-sysnet")
    report = check_without_proc_sys(netns, *bound)
    assert (report["complete"], leaking(report)) == (True, sorted([VIP, IN_SUBNET, HIDDEN, "10.9.0.0"]))
    arp_settings(netns, all=(1, 2))
    report = check_without_proc_sys(netns, *bound)
    assert (report["complete"], leaking(report)) == (True, [])


def test_where_conf_all_cannot_be_read(netns: Netns, wire: Wire) -> None:
    """Unknown is never clean, and raises nothing."""
    report = check_without_proc_sys(netns)
    assert (report["complete"], leaking(report)) == (False, [])
    assert {problem["source"]: problem["message"] for problem in report["problems"]}["sysctl"] == (
        "net.ipv4.conf.all: /proc/sys/net/ipv4/conf/all/arp_ignore: No such file or directory; "
        "/run/lowatch-sysnet/ipv4/conf/all/arp_ignore: No such file or directory"
    )
