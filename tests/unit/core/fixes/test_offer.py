"""Which fixes are offered: what speaks against one, each by itself. tests/netns/test_fixes.py runs them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from lowatch.core.addresses import Prefix, parse_address, parse_port, parse_prefix
from lowatch.core.answers import OtherView, View
from lowatch.core.findings import Action, Change, Finding, FindingKind, Subject
from lowatch.core.fixes.offer import FixMemo, fixes_offered
from lowatch.core.fixes.shell_commands import command
from lowatch.core.held import Held, Link
from lowatch.core.judgement import draft, judge
from lowatch.core.known import Known, Unknown
from lowatch.core.last_served import LastServed
from lowatch.core.limits.kernel import FIX_STEPS, FIXES_WEIGHED
from lowatch.core.listeners import Connect, Sockets
from lowatch.core.plan import Step
from lowatch.core.policy import Acknowledgement, Domain, Policy
from lowatch.core.snapshot import DomainObservation, OtherViewAddress
from lowatch.core.steps import result_of
from lowatch.core.surroundings import Route, Surroundings
from tests.unit.core.worlds import (
    BLIND,
    NGINX,
    VIP,
    VIP6,
    WWW,
    answer,
    domain,
    held,
    local,
    route,
    seen,
    view,
)
from tests.unit.core.worlds import snapshot as taken

LINKS = (
    Link(1, "lo", up=True, loopback=True),
    Link(2, "eth0", up=True, kind="veth"),
    Link(3, "dummy0", up=True, kind="dummy"),
    Link(4, "br0", up=True, kind="bridge"),
    Link(5, "wg0", up=True, kind="wireguard", noarp=True),
)
LOCALHOST = held("127.0.0.1", 8)
NIC = held("198.51.100.1", 24, "eth0")
NIC6 = held("2001:db8:1::1", 64, "eth0")
DEFAULT = Route(Prefix(parse_address("0.0.0.0"), 0), "unicast", ("eth0",))
DEFAULT6 = Route(Prefix(parse_address("::"), 0), "unicast", ("eth0",))
LOCAL24 = Route(
    parse_prefix("192.0.2.0/24"), "local", ("lo",), 255, parse_address("192.0.2.10"), by_kernel=True
)
CONNECTED = Route(parse_prefix("198.51.100.0/24"), "unicast", ("eth0",), source=NIC.address, by_kernel=True)
SHOP = "shop.example.com"
MAPPED = parse_address("::ffff:192.0.2.10")
SSHD = Sockets(wildcards=frozenset({("ipv4", parse_port("22"))}))


def offered(findings: Sequence[Finding], *rest: Any) -> tuple[Finding, ...]:
    return result_of(fixes_offered(findings, *rest, FixMemo()))


def harm(change: Change, *holding: Held, policy: Policy | None = None, **around: Any) -> str:
    """Why it is not offered; "" if it is, and "do: " with the commands if they are more than usual.

    around: fields of a Snapshot, or of its Surroundings.
    """
    own = {field: around.pop(field) for field in tuple(around) if field in Surroundings._fields}
    own.setdefault("links", LINKS)
    own.setdefault("elsewhere", (NIC, NIC6))
    own.setdefault("routes", (DEFAULT, DEFAULT6, CONNECTED))
    around.setdefault("surroundings", Known(Surroundings(**own)))
    snapshot = taken(LOCALHOST, *holding, **around)
    finding = Finding(Subject(FindingKind.IDLE_VIP, "lo", change.held.address), "", proposed=change)
    policy = policy or Policy(domains={name: domain(name) for name in snapshot.domains})
    drafted = draft(snapshot, policy)
    (settled, *_) = offered((finding, *drafted.findings), drafted.domains, snapshot, policy)
    assert settled.proposed is None
    assert bool(settled.fix) is not settled.advice.startswith("no command is offered: ")
    assert [(one.action, one.commands) for one in settled.fixes] == (
        [(change.action, settled.fix)] if settled.fix else []
    )
    if settled.fix and settled.fix != (direct(change),):
        (commands,) = settled.fix
        return f"do: {commands}"
    return settled.advice.removeprefix("no command is offered: ")


def direct(change: Change) -> str:
    """The fewest commands that make a change."""
    steps = {
        Action.ADD: ("add",),
        Action.REMOVE: ("remove",),
        Action.NARROW: ("add", "remove"),
        Action.UNROUTE: ("unroute",),
    }
    return command(tuple(Step(do, change.held) for do in steps[change.action]))  # type: ignore[arg-type]


def removal(one: Held, *beside: Held, **around: Any) -> str:
    return harm(Change(Action.REMOVE, one), one, *beside, **around)


def dead(*addresses: bytes, connect: Any = Connect.REFUSED) -> DomainObservation:
    return view(*(local(one, *seen(("80", None, connect), ("443", None, connect))) for one in addresses))  # type: ignore[arg-type]


def test_a_dead_address_on_lo() -> None:
    for one in held(VIP), held(VIP6), held(VIP, interface="dummy0"), held(VIP, interface="br0"):
        assert removal(one) == ""
        assert removal(one, domains={WWW: dead(one.address)}) == ""
    assert removal(held(VIP, 24), routes=(LOCAL24,)) == ""
    assert removal(route("192.0.2.10/32", interface="eth0")) == ""  # not an address of eth0's own


@pytest.mark.parametrize(
    ("domains", "why"),
    [
        ({WWW: view(local(VIP, *seen(("80", NGINX))))}, "192.0.2.10 also serves www.example.com on 80/tcp"),
        (
            {WWW: view(local(VIP, *seen(("80", None, Connect.ACCEPTED))))},
            "192.0.2.10 also serves www.example.com on 80/tcp",
        ),
        (
            {WWW: view(local(VIP, *seen(("80", BLIND))))},
            "whether 192.0.2.10 serves www.example.com on 80/tcp is unknown",
        ),
        (
            {WWW: dead(VIP, connect=None)},
            "no connect has confirmed that nothing serves www.example.com on 80/tcp",
        ),
        ({WWW: view(undecided=[(VIP, "overrun")])}, "192.0.2.10 may serve www.example.com"),
        (
            {WWW: view()._replace(in_other_views=(OtherViewAddress(VIP, "lo"),))},
            "192.0.2.10 is the address of www.example.com according to DNS",
        ),
    ],
)
def test_domains_that_speak_for_it(domains: dict[str, DomainObservation], why: str) -> None:
    assert removal(held(VIP), domains=domains) == why


def test_another_view_speaks_for_it() -> None:
    of = answer()
    beside = DomainObservation(
        of.__class__(WWW, of.a, of.aaaa, View.HOSTS, others=(OtherView(View.DNS, (VIP,)),)),
        in_other_views=(OtherViewAddress(VIP, "lo"),),
    )
    assert (
        removal(held(VIP), domains={WWW: beside})
        == "192.0.2.10 is the address of www.example.com according to DNS"
    )


@pytest.mark.parametrize(
    ("around", "why"),
    [
        ({"unresolved": {SHOP: ("SERVFAIL", "")}}, "the IPv4 addresses of shop.example.com are unknown"),
        ({"unresolved": {SHOP: ("", "SERVFAIL")}}, ""),
        ({"unread": ("/etc/hosts: Permission denied",)}, "/etc/hosts: Permission denied"),
        ({"over_limit": {SHOP: 9}}, "shop.example.com has more addresses than the limit"),
        ({"policy": Policy(left_out=True)}, "other configured domains were not checked"),
        ({"policy": Policy(expect=(VIP,))}, "192.0.2.10 is expected here"),
        ({"nameservers": frozenset({VIP})}, "192.0.2.10 is a nameserver of this host"),
        ({"sockets": Sockets(frozenset({VIP}))}, "192.0.2.10 has a socket bound to it"),
        ({"sockets": Sockets(frozenset({MAPPED}))}, "192.0.2.10 has a socket bound to it"),
        ({"sockets": Sockets(virtual=frozenset({VIP}))}, "192.0.2.10 has an IPVS virtual service"),
        ({"sockets": Sockets(virtual=frozenset({VIP6}))}, ""),
        (
            {"sockets": Sockets(marked=True)},
            "IPVS has a virtual service for a firewall mark, which any address may get",
        ),
        (
            {"sockets": Sockets(wildcards=frozenset({("ipv4", parse_port("80"))}))},
            "a listener on all addresses serves 80/tcp there as well",
        ),
        ({"sockets": SSHD, "policy": Policy(domains={SHOP: Domain(SHOP)})}, ""),
        ({"sockets": SSHD}, "a listener on all addresses serves 22/tcp there as well"),
        ({"sockets": Sockets(wildcards=frozenset({("ipv6", parse_port("80"))}))}, ""),
        (
            {"routes": (DEFAULT._replace(source=VIP),)},
            "192.0.2.10 is the source that the route 0.0.0.0/0 prefers",
        ),
        (
            {"elsewhere": ()},
            "eth0 has no address of its own: outgoing packets may use this one as their source",
        ),
        (
            {"routes": (DEFAULT._replace(interfaces=()),)},
            "an interface has no address of its own: outgoing packets may use this one as their source",
        ),
        ({"elsewhere": (NIC, held(VIP, interface="eth0"))}, "an address on eth0 keeps it local"),
        (
            {"elsewhere": (NIC, route("192.0.2.10/32"))},
            "do: ip address del 192.0.2.10/32 dev lo && ip route del local 192.0.2.10 dev lo table local",
        ),
        ({"elsewhere": (NIC, route("192.0.2.10/32", table=100))}, "a local route on lo keeps it local"),
        (
            {"elsewhere": (NIC, route("192.0.2.10/32"), route("192.0.2.10/32", origin="proto 66"))},
            "a local route on lo keeps it local",
        ),
        (
            {"routes": (Route(parse_prefix("192.0.2.0/24"), "local", ("eth0",), 255),)},
            "the local route 192.0.2.0/24 covers it too",
        ),
        ({"surroundings": Unknown("netlink", "cannot list routes: EPERM")}, "cannot list routes: EPERM"),
    ],
)
def test_what_else_speaks_for_it(around: dict[str, Any], why: str) -> None:
    assert removal(held(VIP), **around) == why


def test_an_acknowledged_orphan_keeps_the_address_of_others_too() -> None:
    accepted = Acknowledgement(until=2e9, reason="until the move", domain=SHOP)
    policy = Policy(domains={SHOP: Domain(SHOP)}, acknowledgements=(accepted,))
    why = removal(held(VIP), domains={SHOP: dead(VIP)}, policy=policy)
    assert why == "192.0.2.10 is acknowledged (orphan-vip)"


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (held(VIP, interface="eth0"), "it is an address of eth0, through which this host may reach others"),
        (held(VIP, interface="wg0"), "it is an address of wg0, through which this host may reach others"),
        (held(VIP, 24, "br0"), "it is an address of br0, through which this host may reach others"),
        (held(VIP, interface="gone"), "it is an address of gone, through which this host may reach others"),
        (held(VIP, peer=parse_address("203.0.113.9")), "the address has a peer"),
        (held(VIP6, flags=("tentative",)), "the address is tentative"),
        (held(VIP6, flags=("nodad", "mngtmpaddr")), "the address is mngtmpaddr"),
        (held(VIP6, flags=("nodad", "deprecated")), ""),
    ],
)
def test_the_address_and_its_interface(one: Held, why: str) -> None:
    assert removal(one) == why


def test_a_deprecated_address_may_be_a_source() -> None:
    """Of IPv6, if there is no other one; of IPv4 in any case: inet_select_addr() does not look at that."""
    why = "eth0 has no address of its own: outgoing packets may use this one as their source"
    old, old_v4 = held(VIP6, flags=("deprecated",)), held(VIP, flags=("deprecated",))
    way = Route(parse_prefix("::/0"), "unicast", ("eth0",))
    assert removal(old, routes=(way,), elsewhere=()) == why
    other = held("2001:db8:5::1", 64, "eth1")
    assert removal(old, routes=(way,), elsewhere=(other,)) == ""
    assert removal(old, routes=(way,), elsewhere=(other._replace(flags=("deprecated",)),)) == why
    assert removal(old_v4, elsewhere=()) == why


def test_a_bridge_that_leads_somewhere() -> None:
    leading = Route(parse_prefix("10.0.0.0/8"), "unicast", ("br0",), source=VIP6)
    assert "br0" in removal(held(VIP, interface="br0"), routes=(leading,))
    assert (
        removal(
            held(VIP6, interface="br0"), routes=(Route(parse_prefix("fe80::/64"), "unicast", ("br0",)),)
        )
        == ""
    )


def test_secondaries() -> None:
    """The others get a prefix of their own, before their primary address goes."""
    first, second = held(VIP, 24), held("192.0.2.11", 24, flags=("secondary",))
    keep = "do: ip address add 192.0.2.{0}/32 dev {1} && ip address del 192.0.2.{0}/24 dev {1}"
    assert removal(first, second, routes=(LOCAL24,)) == (
        f"{keep.format(11, 'lo')} && ip address del 192.0.2.10/24 dev lo"
    )
    assert removal(second, first, routes=(LOCAL24,)) == (
        "do: ip address add 192.0.2.10/32 dev lo && ip address del 192.0.2.11/24 dev lo"
        " && ip address del 192.0.2.10/24 dev lo"
    )
    on_dummy = [one._replace(interface="dummy0") for one in (first, second)]
    assert removal(on_dummy[1], on_dummy[0]) == ""
    assert removal(on_dummy[0], on_dummy[1]) == (
        f"{keep.format(11, 'dummy0')} && ip address del 192.0.2.10/24 dev dummy0"
    )
    labelled = second._replace(label="lo:vip")
    assert removal(first, labelled, routes=(LOCAL24,)) == (
        "re-adding 192.0.2.11 would lose its label lo:vip"
    )
    alone = held("192.0.2.11")
    assert removal(first, second, alone, routes=(LOCAL24,)) == (
        "do: ip address del 192.0.2.11/24 dev lo && ip address del 192.0.2.10/24 dev lo"
    )


def test_a_prefix_of_another_address_covers_it() -> None:
    wide = held("192.0.2.10", 24)
    one = held("192.0.2.77")
    assert removal(one, wide, routes=(LOCAL24,)) == (
        "do: ip address add 192.0.2.10/32 dev lo && ip address del 192.0.2.77/32 dev lo"
        " && ip address del 192.0.2.10/24 dev lo"
    )
    elsewhere = Policy(expect=(parse_address("192.0.2.99"),))
    assert removal(one, wide, routes=(LOCAL24,), policy=elsewhere) == "192.0.2.99 is expected here"
    kept = Policy(expect=(parse_address("192.0.2.10"),))
    assert removal(one, wide, routes=(LOCAL24,), policy=kept).startswith("do: ")


def test_more_commands_than_anybody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FIX_STEPS, "value", 8)
    rest = [held(f"192.0.2.{number}", 24, flags=("secondary",)) for number in range(20, 27)]
    for others, why in ((rest, 8), (rest[:6], 8)):
        said = removal(held(VIP, 24), *others, routes=(LOCAL24,))
        assert said == f"more than {why} commands would be needed"
    assert removal(held(VIP, 24), *rest[:3], routes=(LOCAL24,)).startswith("do: ")


def test_the_last_address_of_an_interface() -> None:
    one, anyip = (
        held(VIP, interface="dummy0"),
        Route(parse_prefix("10.9.0.0/16"), "local", ("dummy0",), 255),
    )
    own = Route(parse_prefix("192.0.2.10/32"), "unicast", ("dummy0",), source=VIP, by_kernel=True)
    assert (
        removal(one, routes=(anyip,))
        == "removing the last address of dummy0 would also remove the route 10.9.0.0/16"
    )
    assert removal(one, held("192.0.2.11", interface="dummy0"), routes=(anyip,)) == ""
    assert removal(one, routes=(own,)) == ""


WIDE = route("192.0.2.0/24")
ANYIP = Route(parse_prefix("192.0.2.0/24"), "local", ("lo",), 255)
DROP = "ip route del local {} dev lo table local"
ANYIP16 = Route(parse_prefix("192.0.0.0/16"), "local", ("lo",), 255)


@pytest.mark.parametrize(
    ("around", "why"),
    [
        ({}, ""),
        ({"policy": Policy(expect=(VIP,))}, "192.0.2.10 is expected here"),
        ({"sockets": Sockets(frozenset({VIP}))}, "192.0.2.10 has a socket bound to it"),
        ({"sockets": Sockets(frozenset({MAPPED}))}, "192.0.2.10 has a socket bound to it"),
        ({"elsewhere": (NIC, held(VIP)), "policy": Policy(expect=(VIP,))}, ""),
        (
            {"elsewhere": (NIC, route("192.0.2.10/32", table=100)), "policy": Policy(expect=(VIP,))},
            "192.0.2.10 is expected here",
        ),
        ({"routes": (ANYIP, ANYIP)}, "the local route 192.0.2.0/24 covers it too"),
        (
            {"routes": (ANYIP, ANYIP16)},
            f"do: {' && '.join(map(DROP.format, ('192.0.2.0/24', '192.0.0.0/16')))}",
        ),
        (
            {"routes": (ANYIP, ANYIP16), "policy": Policy(expect=(parse_address("192.0.3.1"),))},
            "192.0.3.1 is expected here",
        ),
        (
            {"routes": (ANYIP, ANYIP16._replace(table=100))},
            "the local route 192.0.0.0/16 covers it too",
        ),
        (
            {"routes": (ANYIP, ANYIP16._replace(interfaces=("eth0",)))},
            "the local route 192.0.0.0/16 covers it too",
        ),
    ],
)
def test_a_wide_local_route(around: dict[str, Any], why: str) -> None:
    """Addresses inside that are held for themselves stay."""
    assert removal(WIDE, **{"routes": (ANYIP,), **around}) == why


@pytest.mark.parametrize(
    ("cause", "around", "why"),
    [
        ({}, {}, ""),
        ({}, {"policy": Policy(expect=(VIP,))}, ""),
        ({}, {"policy": Policy(expect=(parse_address("192.0.2.99"),))}, "192.0.2.99 is expected here"),
        ({"label": "lo:vip"}, {}, "re-adding the address would lose its label lo:vip"),
        ({"special": ("lifetime",)}, {}, "re-adding the address would lose its lifetime"),
        ({"scope": 254}, {}, "re-adding the address would lose its scope"),
        ({"origin": "proto 18"}, {}, "re-adding the address would lose its proto 18"),
        ({"flags": ("noprefixroute",)}, {}, "192.0.2.0/24 does not come with the address"),
        ({"interface": "dummy0"}, {}, "192.0.2.0/24 does not come with the address"),
    ],
)
def test_a_prefix_that_is_given_up(cause: dict[str, Any], around: dict[str, Any], why: str) -> None:
    one = held(VIP, 24, **cause)
    assert harm(Change(Action.NARROW, one), one, **{"routes": (LOCAL24,), **around}) == why


HOLE = held("2001:db8:9::1", 64)
INTO_LO = Route(parse_prefix("2001:db8:9::/64"), "unicast", ("lo",), by_kernel=True)


@pytest.mark.parametrize(
    ("hole", "routes", "why"),
    [
        (HOLE, (INTO_LO,), ""),
        (HOLE, (INTO_LO, DEFAULT6), ""),
        (HOLE, (), "the route 2001:db8:9::/64 was not found"),
        (HOLE, (INTO_LO._replace(table=100),), "the route 2001:db8:9::/64 is not as the kernel adds it"),
        (
            HOLE,
            (INTO_LO, INTO_LO._replace(interfaces=("dummy0",))),
            "the route 2001:db8:9::/64 through dummy0 covers it too",
        ),
        (
            HOLE,
            (INTO_LO, Route(parse_prefix("2001:db8::/32"), "blackhole")),
            "the route 2001:db8::/32 covers it too",
        ),
        (NIC6, (), "other hosts may be reachable through eth0"),
    ],
)
def test_a_black_hole(hole: Held, routes: tuple[Route, ...], why: str) -> None:
    assert harm(Change(Action.UNROUTE, hole), hole, routes=routes) == why


def test_two_black_holes() -> None:
    """The wider one swallows the same neighbours: both routes go, or none."""
    wider = held("2001:db8::1", 32)
    into_lo = Route(parse_prefix("2001:db8::/32"), "unicast", ("lo",), by_kernel=True)
    assert harm(Change(Action.UNROUTE, HOLE), HOLE, wider, routes=(INTO_LO, into_lo)) == (
        "do: ip -6 route del 2001:db8:9::/64 dev lo && ip -6 route del 2001:db8::/32 dev lo"
    )
    by_hand = into_lo._replace(by_kernel=False)
    assert harm(Change(Action.UNROUTE, HOLE), HOLE, wider, routes=(INTO_LO, by_hand)) == (
        "the route 2001:db8::/32 through lo covers it too"
    )


def test_a_missing_address() -> None:
    change = Change(Action.ADD, held(VIP))
    assert harm(change) == ""
    assert harm(change, elsewhere=(NIC, held(VIP, interface="eth0"))) == "it is on eth0"
    assert harm(change, elsewhere=()) == (
        "eth0 has no address of its own: outgoing packets may use this one as their source"
    )
    assert harm(change, unserved={VIP: WWW}) == (
        "www.example.com resolves to it, and nothing here would serve it"
    )


def test_a_missing_address_that_cannot_be_added() -> None:
    change = Change(Action.ADD, held("2001:db8::10"))
    assert harm(change) == ""
    lo = Link(1, "lo", up=True, loopback=True, ipv6=False)
    assert harm(change, links=(lo,)) == "lo can have no IPv6 address (disable_ipv6)"
    assert harm(Change(Action.ADD, held(VIP)), links=(lo,)) == ""
    assert harm(change, links=()) == "there is no interface lo"


def test_to_bring_the_service_back_comes_first() -> None:
    one = held(VIP)
    for domains, said in (
        ({WWW: dead(VIP)}, "; if it has moved for good, remove the address:"),
        ({WWW: dead(VIP), SHOP: view(local(VIP, *seen(("80", NGINX))))}, "; no command is offered: "),
    ):
        around = Surroundings(LINKS, (NIC, NIC6), (DEFAULT, CONNECTED))
        snapshot = taken(
            LOCALHOST, one, domains=domains, referenced=frozenset({VIP}), surroundings=Known(around)
        )
        policy = Policy(domains={name: domain(name) for name in domains})
        for finding in judge(snapshot, policy).findings:
            start = "start the service for 80/tcp or 443/tcp on 192.0.2.10"
            assert finding.advice.startswith(start + said)


@pytest.mark.parametrize("used", [False, True])
def test_a_start_has_a_command_if_the_unit_is_known(used: bool) -> None:
    """It stays if the address must stay; the text never shows it as the command that removes something."""
    one = held(VIP)
    last = LastServed("nginx.service", 1795403527.25)
    silent = dead(VIP)
    (here,) = silent.local
    ports = tuple(port._replace(last_served=last) for port in here.ports)
    known = silent._replace(local=(here._replace(ports=ports),))
    sockets = Sockets(frozenset({VIP} if used else ()))
    around = Surroundings(LINKS, (NIC, NIC6), (DEFAULT, CONNECTED), sockets)
    snapshot = taken(
        LOCALHOST, one, domains={WWW: known}, referenced=frozenset({VIP}), surroundings=Known(around)
    )
    start, removal = "systemctl start nginx.service", "ip address del 192.0.2.10/32 dev lo"
    what = "start nginx.service for 80/tcp or 443/tcp on 192.0.2.10"
    for finding in judge(snapshot, Policy(domains={WWW: domain()})).findings:
        assert finding.fix == (start,)
        actions = [Action.START, Action.MOVE] if used else [Action.START, Action.MOVE, Action.REMOVE]
        assert [fix.action for fix in finding.fixes] == actions
        assert finding.guidance == (
            ((f"{what}; no command removes it: 192.0.2.10 has a socket bound to it", (start,)),)
            if used
            else (
                (f"{what}:", (start,)),
                ("if it has moved for good, remove 192.0.2.10 from lo:", (removal,)),
            )
        )


def test_of_very_many_some_are_weighed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FIXES_WEIGHED, "value", 2)
    before = FIXES_WEIGHED.times
    changes = [Change(Action.REMOVE, held(f"192.0.2.{number}")) for number in range(1, 5)]
    found = [
        Finding(Subject(FindingKind.IDLE_VIP, "lo", one.held.address), "", proposed=one) for one in changes
    ]
    snapshot = taken(*(one.held for one in changes), surroundings=Known(Surroundings(LINKS)))
    settled = offered(found, {}, snapshot, Policy())
    assert [bool(one.fix) for one in settled] == [True, True, False, False]
    assert settled[-1].advice == "no command is offered: more than 2 changes would be needed"
    assert FIXES_WEIGHED.times == before + 2
