"""judge: every rule over the whole, and what could not be judged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lowatch.core.addresses import parse_address, parse_port
from lowatch.core.answers import Answer, AnswerStatus, OtherView, RRset, View
from lowatch.core.findings import Finding, FindingKind, Severity, Subject, Undecided
from lowatch.core.held import Link
from lowatch.core.judgement import Judgement, JudgementMemo, judge, judge_domain
from lowatch.core.known import Known
from lowatch.core.listeners import Connect, Listener
from lowatch.core.policy import Domain, Policy
from lowatch.core.rules import DOMAIN_RULES, HOST_RULES
from lowatch.core.snapshot import Snapshot
from tests.unit.core.worlds import (
    BLIND,
    DEAF,
    FULL,
    NGINX,
    VIP,
    VIP6,
    WWW,
    domain,
    held,
    local,
    rrset,
    seen,
    snapshot,
    view,
    wide,
)

HTTP, HTTPS = parse_port("80/tcp"), parse_port("443/tcp")
UNANSWERED = RRset(AnswerStatus.UNKNOWN, reason="SERVFAIL")
ORPHAN = Subject(FindingKind.ORPHAN_VIP, "lo", VIP, WWW, HTTP)


def policy_for(*domains: Domain, **rest: Any) -> Policy:
    return Policy(domains={one.name: one for one in domains}, **rest)


def test_each_kind_has_one_rule() -> None:
    assert not DOMAIN_RULES.keys() & HOST_RULES.keys()
    assert DOMAIN_RULES.keys() | HOST_RULES.keys() == set(FindingKind)


def over_limit() -> tuple[Snapshot, Policy]:
    """A host on which everything is wrong that can be."""
    a, b, c, d = (f"{letter}.example.com" for letter in "abcd")
    views = {
        a: view(local(VIP, *seen(("80", None)))),
        b: view(local(VIP, *seen(("80", FULL), ("443", None)))),
        c: view(local(VIP6, *seen(("80", BLIND))), undecided=[(VIP, "netlink: overrun")]),
        d: view(of=Answer(d, UNANSWERED, rrset())),
    }
    world = snapshot(
        held(VIP),
        held("192.0.2.77"),
        links=Known((Link(1, "lo", up=True, loopback=True), Link(2, "dummy0", up=False))),
        prefixes=Known((wide("10.0.0.0/8"),)),
        black_holes=DEAF,
        domains=views,
        referenced=frozenset({VIP, VIP6}),
    )
    names = [Domain(a, (HTTP,)), Domain(b), Domain(c, (HTTP,), any_of=False), Domain(d)]
    return world, policy_for(*names, expect=(parse_address("198.51.100.1"),))


def test_all_that_is_wrong_at_once() -> None:
    judgement = judge(*over_limit())
    assert sorted(one.subject.key for one in judgement.findings) == [
        "backlogged-vip/lo/192.0.2.10/b.example.com/80/tcp",
        "idle-vip/lo/192.0.2.77",
        "missing-vip/198.51.100.1",
        "orphan-vip/lo/192.0.2.10/a.example.com/80/tcp",
        "wide-prefix/lo/10.0.0.0-8",
    ]
    assert {(one.kind, one.domain, one.address, one.family) for one in judgement.undecided} == {
        (FindingKind.ORPHAN_VIP, "c.example.com", VIP, None),
        (FindingKind.ORPHAN_VIP, "c.example.com", VIP6, None),
        (FindingKind.ORPHAN_VIP, "d.example.com", None, "ipv4"),
        (FindingKind.BACKLOGGED_VIP, "c.example.com", VIP, None),
        (FindingKind.BACKLOGGED_VIP, "c.example.com", VIP6, None),
        (FindingKind.BACKLOGGED_VIP, "d.example.com", None, "ipv4"),
        (FindingKind.FILTERED_VIP, "c.example.com", VIP, None),
        (FindingKind.FILTERED_VIP, "c.example.com", VIP6, None),
        (FindingKind.FILTERED_VIP, "d.example.com", None, "ipv4"),
        (FindingKind.CAPTURED_VIP, "d.example.com", None, "ipv4"),
        (FindingKind.BLACK_HOLE_PREFIX, None, None, None),
    }


def test_commands_reach_into_a_network_namespace() -> None:
    down = Known((Link(1, "lo", up=False, loopback=True),))
    world = snapshot(links=down, held=Known((held("192.0.2.10"),)), referenced=frozenset({VIP}))
    (here,) = judge(world, policy_for()).findings
    (there,) = judge(replace(world, netns="blue"), policy_for()).findings
    assert here.fix == ("ip link set lo up",)
    assert there.fix == there.fixes[0].commands == ("ip -n blue link set lo up",)
    assert replace(there, fixes=here.fixes) == here


def test_advice_without_a_command_says_where() -> None:
    world = snapshot(
        held=Known((held("192.0.2.10"),)),
        domains={WWW: view(local(VIP, *seen(("80", NGINX, Connect.REFUSED))))},
        referenced=frozenset({VIP}),
        netns="blue",
    )
    (finding,) = judge(world, policy_for(domain(WWW, "80"))).findings
    assert finding.advice == (
        "look at the packet filter (nft list ruleset, iptables-save), in the network namespace blue"
    )


def test_a_memo_makes_no_difference() -> None:
    world, policy = over_limit()
    fresh = judge(world, policy)
    memo = JudgementMemo()
    for _ in range(2):
        judgement = judge(world, policy, memo)
        assert judgement.domains == fresh.domains
        assert (judgement.findings, judgement.undecided) == (fresh.findings, fresh.undecided)


@pytest.mark.parametrize("lo_up", [True, False])
def test_loopback_state_reaches_the_domains(lo_up: bool) -> None:
    world = snapshot(domains={WWW: view(local(VIP, *seen(("80", NGINX))))}, loopback_up=lo_up)
    (endpoint,) = judge(world, policy_for(domain(WWW, "80"))).domains[WWW].endpoints
    assert endpoint.verdict == ("served" if lo_up else "filtered")


FINE = [
    view(local(VIP, *seen(("80", NGINX), ("443", None)))),
    view(
        local(VIP, *seen(("80", NGINX), ("443", NGINX))), local(VIP6, *seen(("80", None), ("443", NGINX)))
    ),
]


@pytest.mark.parametrize("fine", FINE)
def test_nothing_is_said_of_what_is_fine(fine: Any) -> None:
    judged = judge_domain(domain(), fine, loopback_up=True)
    assert (judged.findings, judged.undecided) == ((), ())
    assert judged.endpoints


@pytest.mark.parametrize("other", [NGINX._replace(address=VIP), None], ids=["bound", "redirected"])
def test_what_is_served_may_be_served_by_the_way(other: Listener | None) -> None:
    ssh = NGINX._replace(unit="ssh.service")
    www = view(local(VIP, *seen(("22", ssh), ("80", other, Connect.ACCEPTED))))
    (finding,) = judge_domain(domain(WWW, "22 80", any_of=False), www, loopback_up=True).findings
    assert (finding.subject.kind, finding.severity) == (FindingKind.CAPTURED_VIP, Severity.INFO)


@pytest.mark.parametrize(
    "uncertain",
    [
        view(local(VIP, *seen(("80", NGINX))), undecided=[(VIP6, "netlink: overrun")]),
        view(
            local(VIP, *seen(("80", NGINX))),
            of=Answer(WWW, rrset(VIP), RRset(AnswerStatus.UNKNOWN, reason="x")),
        ),
        view(of=Answer(WWW)),
    ],
    ids=["undecided address", "unknown family", "never answered"],
)
def test_what_is_served_may_still_be_uncertain(uncertain: Any) -> None:
    judged = judge_domain(domain(WWW, "80"), uncertain, loopback_up=True)
    assert judged.findings == ()
    assert {one.kind for one in judged.undecided} == {
        FindingKind.ORPHAN_VIP,
        FindingKind.BACKLOGGED_VIP,
        FindingKind.FILTERED_VIP,
    }


@pytest.mark.parametrize(
    ("scope", "orphans"),
    [
        (Undecided(FindingKind.ORPHAN_VIP, "?"), "www/v4/80 www/v4/443 www/v6/80 shop/v4/80"),
        (Undecided(FindingKind.ORPHAN_VIP, "?", domain=WWW), "www/v4/80 www/v4/443 www/v6/80"),
        (Undecided(FindingKind.ORPHAN_VIP, "?", domain=WWW, family="ipv4"), "www/v4/80 www/v4/443"),
        (Undecided(FindingKind.ORPHAN_VIP, "?", domain=WWW, family="ipv6"), "www/v6/80"),
        (Undecided(FindingKind.ORPHAN_VIP, "?", domain=WWW, address=VIP), "www/v4/80 www/v4/443"),
        (Undecided(FindingKind.ORPHAN_VIP, "?", domain=WWW, address=VIP, port=HTTP), "www/v4/80"),
        (Undecided(FindingKind.ORPHAN_VIP, "?", domain=WWW, address=VIP6, port=HTTPS), ""),
        (Undecided(FindingKind.BACKLOGGED_VIP, "?"), ""),
        (Undecided(FindingKind.IDLE_VIP, "?"), ""),
    ],
)
def test_whom_an_undecided_covers(scope: Undecided, orphans: str) -> None:
    """Every subject that agrees in the fields given."""
    subjects = {
        "www/v4/80": ORPHAN,
        "www/v4/443": ORPHAN._replace(port=HTTPS),
        "www/v6/80": ORPHAN._replace(address=VIP6),
        "shop/v4/80": ORPHAN._replace(domain="shop.example.com"),
    }
    judgement = Judgement({}, (), (scope,))
    covered = [name for name, subject in subjects.items() if judgement.is_undecided(subject)]
    assert covered == orphans.split()
    elsewhere = ORPHAN._replace(interface="dummy0")  # where it is delivered is not part of the scope
    assert judgement.is_undecided(elsewhere) is judgement.is_undecided(ORPHAN)


@pytest.mark.parametrize(
    ("unresolved", "orphans"),
    [
        (("SERVFAIL", ""), "www/v4"),
        (("", "SERVFAIL"), "www/v6"),
        (("timed out", "SERVFAIL"), "www/v4 www/v6"),
    ],
)
@pytest.mark.parametrize(
    "kind", [FindingKind.ORPHAN_VIP, FindingKind.BACKLOGGED_VIP, FindingKind.VIEWS_DISAGREE]
)
def test_a_domain_without_an_answer_is_undecided(
    kind: FindingKind, unresolved: tuple[str, str], orphans: str
) -> None:
    """It has no view any more; what was found of it may be so still. Nobody else's may."""
    subjects = {
        "www/v4": ORPHAN._replace(kind=kind),
        "www/v6": ORPHAN._replace(kind=kind, address=VIP6),
        "shop/v4": ORPHAN._replace(kind=kind, domain="shop.example.com"),
    }
    judgement = judge(snapshot(unresolved={WWW: unresolved}), policy_for())
    assert [name for name, one in subjects.items() if judgement.is_undecided(one)] == orphans.split()


def test_only_the_views_are_undecided_where_another_view_is_unknown() -> None:
    judgement = judge(snapshot(unsure={WWW: OtherView(View.DNS, None, "timed out")}), policy_for())
    assert judgement.is_undecided(Subject(FindingKind.VIEWS_DISAGREE, "lo", VIP, WWW))
    assert not judgement.is_undecided(Subject(FindingKind.VIEWS_DISAGREE, "lo", VIP, "shop.example.com"))
    assert not judgement.is_undecided(ORPHAN)


def test_an_orphan_that_getaddrinfo_may_lead_to_is_undecided_while_that_fails() -> None:
    """After a restart, say: DNS leads elsewhere, or here to what is served."""
    unheard = {WWW: OtherView(View.GETADDRINFO, None, "Temporary failure")}
    elsewhere = judge(snapshot(unsure=unheard), policy_for())
    assert elsewhere.is_undecided(ORPHAN)
    served = view(local(VIP, *seen(("80", NGINX))))
    here = judge(snapshot(unsure=unheard, domains={WWW: served}), policy_for(domain(WWW, "80")))
    assert not here.is_undecided(ORPHAN)


@pytest.mark.parametrize(
    "subject",
    [
        Subject(FindingKind.IDLE_VIP, "lo", VIP),
        Subject(FindingKind.WIDE_PREFIX, "lo", VIP, prefixlen=8),
        Subject(FindingKind.MISSING_VIP, address=VIP),
        Subject(FindingKind.HOLDER_DOWN, "lo"),
    ],
)
def test_host_rules_are_undecided_as_a_whole(subject: Subject) -> None:
    assert Judgement({}, (), (Undecided(subject.kind, "?"),)).is_undecided(subject)
    assert not Judgement({}, (), (Undecided(FindingKind.ORPHAN_VIP, "?"),)).is_undecided(subject)


def undecided_kinds(world: Snapshot) -> set[FindingKind]:
    return {one.kind for one in judge(world, policy_for(expect=(VIP,))).undecided}


@pytest.mark.parametrize(
    ("unknown", "kinds"),
    [
        ("links", {FindingKind.HOLDER_DOWN}),
        (
            "held",
            {
                FindingKind.HOLDER_DOWN,
                FindingKind.IDLE_VIP,
                FindingKind.MISSING_VIP,
                FindingKind.ARP_LEAK,
                FindingKind.DUPLICATE_VIP,
            },
        ),
        ("prefixes", {FindingKind.WIDE_PREFIX}),
        ("black_holes", {FindingKind.BLACK_HOLE_PREFIX}),
        ("arp", {FindingKind.ARP_LEAK}),
        ("twins", {FindingKind.DUPLICATE_VIP}),
        ("sources", {FindingKind.SOURCE_VIP}),
        ("sockets", {FindingKind.IDLE_VIP}),
    ],
)
def test_each_unknown_observation_leaves_its_rules_undecided(unknown: str, kinds: set[FindingKind]) -> None:
    """And none of them says anything: an Unknown raises no finding."""
    world = snapshot(**{unknown: DEAF})
    assert undecided_kinds(world) == kinds
    judgement = judge(world, policy_for(expect=(VIP,)))
    assert not {one.subject.kind for one in judgement.findings} & kinds
    assert all(isinstance(one, Finding) for one in judgement.findings)
