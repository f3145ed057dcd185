"""Plans are tried in a copy of the network. The kernel decides, and the network itself stays as it is."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from lowatch.core.addresses import Prefix, host_length, parse_address, parse_prefix
from lowatch.core.findings import Action
from lowatch.core.fixes.ground import Ground
from lowatch.core.fixes.rehearsal import Goal, Job
from lowatch.core.held import Held
from lowatch.core.plan import Plan, Rehearsal, Step
from lowatch.kernel.rehearsal import rehearser
from lowatch.kernel.rehearsal.rehearser import rehearse
from tests.support.checking import check
from tests.support.netns import CommandError, Netns, as_ordinary_user
from tests.support.waiting import eventually

SAFE = Rehearsal("safe")


class Scene(NamedTuple):
    """commands: of `ip`. plan: steps such as "remove 192.0.2.1/24". reason: "" if it is safe.

    gone: what is to be local no more; or "unrouted PREFIX", "local ADDRESS".
    """

    commands: str
    plan: str
    gone: str
    reason: str = ""
    sysctl: str = ""


UPLINK = (
    "link add eth0 type veth peer name eth1; "
    "link set eth0 addrgenmode none; link set eth1 addrgenmode none; "
    "link set eth1 up; link set eth0 up; "
)
"""Without link-local addresses, whose duplicate address detection takes two seconds."""
NUMBERED = f"{UPLINK}addr add 198.51.100.1/24 dev eth0; route add default via 198.51.100.2; "
PRIMARY = "addr add 192.0.2.1/24 dev lo; addr add 192.0.2.2/24 dev lo; "
SCENES = {
    "a single address": Scene(
        f"{NUMBERED}addr add 192.0.2.10/32 dev lo", "remove 192.0.2.10/32", "192.0.2.10"
    ),
    "a primary address with a secondary": Scene(
        PRIMARY, "remove 192.0.2.1/24", "192.0.2.1", "it would also remove 192.0.2.2/24 on lo"
    ),
    "a secondary is promoted": Scene(
        PRIMARY,
        "remove 192.0.2.1/24",
        "192.0.2.1",
        "it would also change 192.0.2.2/24 on lo",
        "net.ipv4.conf.lo.promote_secondaries",
    ),
    "a secondary is promoted as all are": Scene(
        PRIMARY,
        "remove 192.0.2.1/24",
        "192.0.2.1",
        "it would also change 192.0.2.2/24 on lo",
        "net.ipv4.conf.all.promote_secondaries",
    ),
    "a secondary is added on its own first": Scene(
        PRIMARY, "add 192.0.2.2/24, remove 192.0.2.2/24, remove 192.0.2.1/24", "192.0.2.1"
    ),
    "the same, where secondaries are promoted": Scene(
        PRIMARY,
        "add 192.0.2.2/24, remove 192.0.2.2/24, remove 192.0.2.1/24",
        "192.0.2.1",
        sysctl="net.ipv4.conf.all.promote_secondaries",
    ),
    "the secondary is forgotten": Scene(
        PRIMARY,
        "remove 192.0.2.2/24, remove 192.0.2.1/24",
        "192.0.2.1",
        "192.0.2.2 would not be local any more",
    ),
    "a prefix beside it covers it": Scene(
        "addr add 192.0.2.10/32 dev lo; addr add 192.0.2.1/24 dev lo",
        "remove 192.0.2.10/32",
        "192.0.2.10",
        "192.0.2.10 would stay local",
    ),
    "the last address takes a route along": Scene(
        f"{UPLINK}addr del 127.0.0.1/8 dev lo; addr add 192.0.2.10/32 dev lo; "
        "route add local 10.9.0.0/16 dev lo",
        "remove 192.0.2.10/32",
        "192.0.2.10",
        "it would also remove the route 10.9.0.0/16",
    ),
    "a route prefers it as source": Scene(
        f"{NUMBERED}addr add 192.0.2.10/32 dev lo; "
        "route add 203.0.113.0/24 via 198.51.100.2 src 192.0.2.10",
        "remove 192.0.2.10/32",
        "192.0.2.10",
        "it would also remove the route 203.0.113.0/24",
    ),
    "packets leave from it": Scene(
        f"{UPLINK}addr add 192.0.2.10/32 dev lo; route add 203.0.113.0/24 dev eth0",
        "remove 192.0.2.10/32",
        "192.0.2.10",
        "packets to 203.0.113.1 would leave from no address through eth0 "
        "instead of 192.0.2.10 through eth0",
    ),
    "AnyIP": Scene(
        "route add local 10.9.0.0/16 dev lo; route add local 10.9.1.0/24 dev lo table 100",
        "remove route 10.9.0.0/16",
        "10.9.0.0/16",
    ),
    "one of two AnyIP routes": Scene(
        "route add local 10.9.0.0/16 dev lo; route add local 10.8.0.0/15 dev lo",
        "remove route 10.9.0.0/16",
        "10.9.0.0/16",
        "10.9.0.1 would stay local",
    ),
    "a prefix is narrowed": Scene(
        "addr add 192.0.2.1/24 dev lo", "add 192.0.2.1/24, remove 192.0.2.1/24", "192.0.2.0/24"
    ),
    "its broadcast address would become local": Scene(
        "addr add 192.0.2.1/24 dev lo; addr add 192.0.2.255/32 dev lo",
        "add 192.0.2.1/24, remove 192.0.2.1/24",
        "192.0.2.0/24",
        "192.0.2.255 would become local",
    ),
    "an IPv6 prefix": Scene(
        f"{UPLINK}addr add 2001:db8:5::1/64 dev eth0 nodad; -6 route add default via 2001:db8:5::2; "
        "addr add 2001:db8::1/64 dev lo nodad; addr add 2001:db8:1::1/64 dev lo nodad",
        "unroute 2001:db8::1/64",
        "unrouted 2001:db8::/64",
    ),
    "a wider IPv6 prefix swallows the same": Scene(
        "addr add 2001:db8::1/64 dev lo nodad; addr add 2001:db8::2/64 dev lo nodad; "
        "-6 route add 2001:db8::/64 dev lo metric 300",
        "unroute 2001:db8::1/64",
        "unrouted 2001:db8::/64",
        "2001:db8::3 would still be routed to lo",
    ),
    "an IPv6 address": Scene(
        "addr add 2001:db8::1/128 dev lo nodad; addr add 2001:db8::2/64 dev lo nodad",
        "remove 2001:db8::1/128",
        "2001:db8::1",
    ),
    "an address with a peer": Scene(
        "addr add 192.0.2.10 peer 203.0.113.9/32 dev lo",
        "remove 192.0.2.10/32",
        "192.0.2.10",
        "command 1 would fail: Cannot assign requested address",
    ),
    "it is not there": Scene(
        "addr add 192.0.2.10/24 dev lo",
        "remove 192.0.2.10/32",
        "192.0.2.10",
        "command 1 would fail: Cannot assign requested address",
    ),
    "a missing address": Scene(NUMBERED, "add 192.0.2.10/32", "local 192.0.2.10"),
    "a missing IPv6 address": Scene(NUMBERED, "add 2001:db8::1/128", "local 2001:db8::1"),
}


def steps(text: str) -> Plan:
    return tuple(map(_step, text.split(", ")))


def _step(text: str) -> Step:
    do, *route, where = text.split()
    address, length = where.split("/")
    by, table = ("route", 255) if route else ("address", None)
    held = Held(parse_address(address), int(length), "lo", by, table=table)  # type: ignore[arg-type]
    return Step(do, held)  # type: ignore[arg-type]


def goal(text: str) -> Goal:
    *what, where = text.split()
    if "/" in where:
        prefix = parse_prefix(where)
    else:
        address = parse_address(where)
        prefix = Prefix(address, host_length(address))
    return Goal({(): "not local", ("unrouted",): "not led away", ("local",): "local"}[tuple(what)], prefix)  # type: ignore[arg-type]


def build(netns: Netns, commands: str) -> None:
    for command in filter(None, commands.split("; ")):
        netns.ip(command)
    settle(netns)


def settle(netns: Netns) -> None:
    """Waits for IPv6's local routes, which the kernel adds some time after the addresses."""

    def is_settled() -> bool:
        held = set(re.findall(r"inet6 ([0-9a-f:]+)", netns.ip("-6 -o addr show up")))
        local = set(re.findall(r"^local (\S+) dev", netns.ip("-6 route show table all"), re.MULTILINE))
        return held <= local

    eventually(is_settled)


def everything(netns: Netns) -> str:
    shown = ("-d link", "addr", "route show table all", "-6 route show table all", "rule", "-6 rule")
    return "".join(netns.ip(f"-o {one}" if "route" not in one else one) for one in shown)


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_what_the_kernel_then_has_decides(netns: Netns, scene: Scene) -> None:
    netns.sysctl("net.ipv4.conf.all.promote_secondaries", 0)
    netns.sysctl("net.ipv4.conf.lo.promote_secondaries", 0)
    if scene.sysctl:
        netns.sysctl(scene.sysctl, 1)
    build(netns, scene.commands)
    before = everything(netns)
    [outcome] = rehearse([Job(steps(scene.plan), goal(scene.gone))])
    assert outcome == Rehearsal("harmful" if scene.reason else "safe", scene.reason)
    assert everything(netns) == before


ODD = {
    "policy rules and tables": "rule add from 10.9.9.9 lookup 100; rule add fwmark 7 lookup 1000 pref 50; "
    "rule add to 10.8.0.0/16 blackhole; route add 10.55.0.0/16 via 198.51.100.7 table 100; "
    "route add unreachable 10.56.0.0/16 table 1000; -6 rule add from 2001:db8::9 lookup 100",
    "table local after the others": "rule add pref 100 lookup local; rule del pref 0",
    "nexthop objects": "nexthop add id 7 via 198.51.100.7 dev eth0; nexthop add id 8 blackhole; "
    "nexthop add id 9 via 198.51.100.9 dev eth0; nexthop add id 10 group 7/9; "
    "route add 10.57.0.0/16 nhid 7; route add 10.58.0.0/16 nhid 10; route add 10.59.0.0/16 nhid 8",
    "several ways": "route add 10.60.0.0/16 nexthop via 198.51.100.7 weight 3 nexthop via 198.51.100.8; "
    "route append 10.61.0.0/16 via 198.51.100.7; route append 10.61.0.0/16 via 198.51.100.8; "
    "route add 10.62.0.0/16 via 10.60.0.1 onlink dev eth0 metric 7 mtu 1400 proto 186",
    "a gateway behind a gateway": "addr add 203.0.113.1 peer 203.0.113.9 dev eth0; "
    "route add 10.63.0.0/16 via 203.0.113.9; route add 10.70.0.0/24 via 198.51.100.9 src 203.0.113.1",
    "an interface without carrier": "link set eth1 down; addr add 2001:db8:5::1/64 dev eth0 nodad",
    "an interface that is down": "addr add 203.0.113.1/24 dev eth1; link set eth1 down; "
    "link add br9 type bridge; addr add 203.0.114.1/24 dev br9",
    "no 127.0.0.1": "addr del 127.0.0.1/8 dev lo",
    "127.0.0.1 comes later": "addr del 127.0.0.1/8 dev lo; addr add 127.0.0.1/8 dev lo",
    "labels, lifetimes, scopes": "addr add 192.0.9.1/24 brd + dev lo label lo:1; "
    "addr add 192.0.9.2/24 dev lo valid_lft 3600 preferred_lft 0; addr add 192.0.2.3/32 dev lo scope host; "
    "addr add 192.0.2.4/32 dev lo metric 77; addr add 192.0.3.1/24 dev lo noprefixroute; "
    "addr add 2001:db8::7/64 dev lo nodad preferred_lft 0 valid_lft forever",
    "a bridge without ARP": "link add vips type bridge; link set vips arp off; link set vips up; "
    "addr add 192.0.2.77/24 dev vips",
    "IPv6 forwarding": "addr add 2001:db8:5::1/64 dev eth0 nodad; addr add 2001:db8:6::1/64 dev eth1 nodad",
    "a gap in the numbers": "link add index 77 name veth77 type veth peer name veth78; link set veth77 up",
}  # fmt: skip


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_an_odd_host_is_copied(netns: Netns, odd: str) -> None:
    build(netns, f"{NUMBERED}addr add 192.0.2.10/32 dev lo")
    if odd is ODD["IPv6 forwarding"]:
        netns.sysctl("net.ipv6.conf.all.forwarding", 1)
    for command in odd.split("; "):
        netns.ip(command)
    if odd is not ODD["an interface without carrier"]:
        settle(netns)
    [outcome] = rehearse([Job(steps("remove 192.0.2.10/32"), goal("192.0.2.10"))])
    assert outcome == SAFE


@pytest.mark.parametrize(
    "rivals",
    [
        "route add blackhole 192.0.2.3 table local; addr add 192.0.2.3/32 dev lo",
        "addr add 192.0.2.3/32 dev lo; route append blackhole 192.0.2.3 table local",
        "addr add 192.0.2.3/32 dev eth1; addr add 192.0.2.3/32 dev lo",
        "addr add 2001:db8::3/128 dev eth1 nodad; addr add 2001:db8::3/128 dev lo nodad",
        "addr add 2001:db8::3/128 dev lo nodad; addr add 2001:db8::3/128 dev eth0 nodad",
        "addr add 2001:db8::3/64 dev eth1 nodad; addr add 2001:db8::4/64 dev eth0 nodad",
        "addr add 2001:db8::4/64 dev eth0 nodad; addr add 2001:db8::4/64 dev lo nodad",
        "addr add 203.0.113.1/24 dev eth1; addr add 203.0.113.2/24 dev eth0",
    ],
)
def test_which_of_two_equal_routes_counts_is_copied(netns: Netns, rivals: str) -> None:
    """The one that came first."""
    build(netns, f"{NUMBERED}addr add 192.0.2.10/32 dev lo; {rivals}")
    [outcome] = rehearse([Job(steps("remove 192.0.2.10/32"), goal("192.0.2.10"))])
    assert outcome == SAFE


def test_an_address_is_local_once_no_neighbour_has_it(netns: Netns) -> None:
    """IPv6 asks for a second (DAD), which is not waited for."""
    build(netns, UPLINK)
    missing = Step("add", Held(parse_address("2001:db8::10"), 128, "eth0"))
    [outcome] = rehearse([Job((missing,), Goal("local", parse_prefix("2001:db8::10/128")))])
    assert outcome == SAFE


def test_a_held_broadcast_address_can_go(netns: Netns) -> None:
    """It was not local by itself."""
    build(netns, "addr add 192.0.2.1/30 dev lo; addr add 192.0.2.3/32 dev lo")
    [outcome] = rehearse([Job(steps("remove 192.0.2.3/32"), goal("192.0.2.3"))])
    assert outcome == SAFE


def test_a_neighbour_that_is_reached_again(netns: Netns) -> None:
    """By another interface than the one that swallowed its packets."""
    build(
        netns,
        f"{UPLINK}addr add 2001:db8::1/64 dev lo nodad; addr add 2001:db8::2/64 dev eth0 nodad",
    )
    [outcome] = rehearse([Job(steps("unroute 2001:db8::1/64"), goal("unrouted 2001:db8::/64"))])
    assert outcome == SAFE


def test_a_vrf_is_copied(netns: Netns) -> None:
    """Where the kernel has none, a plain interface is in its place."""
    build(netns, f"{NUMBERED}addr add 192.0.2.10/32 dev lo; link add eth2 type veth peer name eth3")
    try:
        netns.ip("link add red type vrf table 77")
    except CommandError:
        netns.ip("link add red type bridge")
    else:
        netns.ip("link set red up")
        netns.ip("link set eth2 master red")
    for command in "link set eth3 up", "link set eth2 up", "addr add 203.0.113.1/24 dev eth2":
        netns.ip(command)
    settle(netns)
    [outcome] = rehearse([Job(steps("remove 192.0.2.10/32"), goal("192.0.2.10"))])
    assert outcome == SAFE


def test_each_has_a_copy_of_its_own(netns: Netns) -> None:
    build(netns, "addr add 192.0.2.10/32 dev lo; addr add 192.0.2.11/32 dev lo")
    job = Job(steps("remove 192.0.2.10/32"), goal("192.0.2.10"))
    assert rehearse([job, job]) == [SAFE, SAFE]


def test_or_all_have_one(netns: Netns) -> None:
    build(netns, "addr add 192.0.2.10/32 dev lo; addr add 192.0.2.11/32 dev lo")
    one, other = (Job(steps(f"remove {a}/32"), goal(a)) for a in ("192.0.2.10", "192.0.2.11"))
    assert rehearse([one, other], in_turn=True) == [SAFE, SAFE]
    gone = Rehearsal("not-possible", "the finding does not show there")
    after = Rehearsal("not-possible", "a fix before it is not safe")
    assert rehearse([one, one, other], in_turn=True) == [SAFE, gone, after]


def test_what_is_kept_need_not_be_held(netns: Netns) -> None:
    build(netns, "route add local 10.9.0.0/16 dev lo")
    job = Job(steps("remove route 10.9.0.0/16"), goal("10.9.0.0/16"), (parse_address("10.9.7.7"),))
    assert rehearse([job]) == [Rehearsal("harmful", "10.9.7.7 would not be local any more")]


def test_too_many_addresses(netns: Netns) -> None:
    netns.batch(f"addr add 10.{n >> 8}.{n & 255}.1/32 dev lo" for n in range(5_000))
    started = time.process_time()
    [outcome] = rehearse([Job(steps("remove 10.0.0.1/32"), goal("10.0.0.1"))])
    assert outcome.outcome == "not-possible"
    assert "10,000" in outcome.reason
    assert time.process_time() - started < 1


def test_too_many_fixes(netns: Netns, monkeypatch: pytest.MonkeyPatch) -> None:
    build(netns, "addr add 192.0.2.10/32 dev lo")
    monkeypatch.setattr(rehearser, "_COST_OF_A_COPY", 5_000)
    job = Job(steps("remove 192.0.2.10/32"), goal("192.0.2.10"))
    outcome = Rehearsal("not-possible", "too many fixes: 1 are rehearsed at a time on a host like this")
    assert rehearse([job, job]) == [SAFE, outcome]


def test_a_copy_that_differs_says_nothing(netns: Netns, monkeypatch: pytest.MonkeyPatch) -> None:
    build(netns, f"{NUMBERED}addr add 192.0.2.10/32 dev lo; rule add from 10.9.9.9 lookup 100")
    monkeypatch.setattr("lowatch.kernel.rehearsal.copy.Copy._equalise", lambda *_: None)
    [outcome] = rehearse([Job(steps("remove 192.0.2.10/32"), goal("192.0.2.10"))])
    assert outcome == Rehearsal("not-possible", "the copy differs: the route 0.0.0.0/0 in table 254")


def test_a_bug_says_nothing(netns: Netns, monkeypatch: pytest.MonkeyPatch) -> None:
    build(netns, "addr add 192.0.2.10/32 dev lo")
    monkeypatch.setattr(rehearser, "effect", None)
    [outcome] = rehearse([Job(steps("remove 192.0.2.10/32"), goal("192.0.2.10"))])
    assert outcome.outcome == "not-possible"
    assert outcome.reason.startswith("a bug in lowatch: TypeError")


@pytest.fixture
def orphan(netns: Netns) -> Netns:
    build(netns, f"{NUMBERED}{PRIMARY}")
    return netns


def idle(report: dict[str, object], address: str) -> dict[str, object]:
    rows = report["findings"]
    assert isinstance(rows, list)
    [row] = [row for row in rows if (row["kind"], row["address"]) == ("idle-vip", address)]
    assert isinstance(row, dict)
    return row


def test_check_says_what_was_rehearsed(orphan: Netns, tmp_path: Path) -> None:
    row = idle(check(tmp_path, "domains = []\n").report, "192.0.2.1")
    assert row["fixes"][-1]["rehearsal"] == {"outcome": "safe", "reason": ""}  # type: ignore[index]


def test_a_wrong_plan_is_not_offered(
    orphan: Netns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blunt(action: Action, held: Held, ground: Ground, in_use: object) -> Plan:
        return (Step("remove", held),)

    monkeypatch.setattr("lowatch.core.fixes.offer.plan_for", blunt)
    row = idle(check(tmp_path, "domains = []\n").report, "192.0.2.1")
    assert (row["fix"], row["fixes"]) == ([], [])
    assert row["advice"] == (
        "no command is offered: in a copy of this network, it would also remove 192.0.2.2/24 on lo "
        "(a bug in lowatch: please report it)"
    )


def command(tmp_path: Path) -> list[str]:
    file = tmp_path / "lowatch.toml"
    file.write_text("domains = []\n")
    file.chmod(0o644)
    return [sys.executable, "-m", "lowatch", "check", "-c", str(file), "--format", "json"]


def outcome_of(netns: Netns, *arguments: str) -> dict[str, str]:
    """Of the fix of the idle 192.0.2.1."""
    quoted = " ".join(arguments)
    report = json.loads(netns.run("sh", "-c", f"{quoted}; test $? -le 1"))
    outcome: dict[str, str] = idle(report, "192.0.2.1")["fixes"][-1]["rehearsal"]  # type: ignore[index]
    return outcome


def test_an_ordinary_user_rehearses(orphan: Netns, tmp_path: Path) -> None:
    assert outcome_of(orphan, *as_ordinary_user(*command(tmp_path)))["outcome"] == "safe"


def test_where_no_namespace_may_be_made(orphan: Netns, tmp_path: Path) -> None:
    line = " ".join(command(tmp_path))
    none = f"'echo 0 >/proc/sys/user/max_net_namespaces; {line}; exit 0'"
    assert outcome_of(orphan, "unshare", "--user", "--map-root-user", "sh", "-c", none) == {
        "outcome": "not-possible",
        "reason": "no more namespaces are allowed (user.max_net_namespaces, user.max_user_namespaces)",
    }


WITHOUT_UNSHARE = """
import ctypes, os, platform, struct, sys
number = {"x86_64": 272, "aarch64": 97, "i686": 310}[platform.machine()]
program = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x50001), (0x06, 0, 0, 0x7FFF0000)]
filters = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *one) for one in program))
packed = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(filters)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, packed, 0, 0) == 0, ctypes.get_errno()
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def test_where_the_system_call_is_filtered(orphan: Netns, tmp_path: Path) -> None:
    """As RestrictNamespaces= does."""
    script = tmp_path / "without_unshare.py"
    script.write_text(WITHOUT_UNSHARE)
    assert outcome_of(orphan, sys.executable, str(script), *command(tmp_path)[1:]) == {
        "outcome": "not-possible",
        "reason": "this user may make no network namespace",
    }


def test_explain_says_what_was_rehearsed(orphan: Netns, tmp_path: Path) -> None:
    file = tmp_path / "lowatch.toml"
    file.write_text("domains = []\n")
    shown = orphan.run(sys.executable, "-m", "lowatch", "explain", "-c", str(file), "192.0.2.1")
    assert "rehearsed: ends the finding, takes nothing else away" in shown


def test_nothing_is_rehearsed_without_a_fix(netns: Netns, tmp_path: Path) -> None:
    """Nor is anything imported for it."""
    file = tmp_path / "lowatch.toml"
    file.write_text("domains = []\n")
    code = (
        f"import sys; sys.argv = ['lowatch', 'check', '-c', '{file}']\n"
        "from lowatch.__main__ import main\n"
        "main(); print([name for name in sys.modules if 'rehearsal' in name or name == 'ctypes'])"
    )
    assert netns.run(sys.executable, "-c", code).splitlines()[-1] == "[]"
