"""build_audit: what an audit reports, and whether it is complete."""

from __future__ import annotations

from typing import Any

import pytest

from lowatch.core.answers import Answer, AnswerStatus, OtherView, RRset, View
from lowatch.core.audit import Audit, build_audit
from lowatch.core.clock import Now
from lowatch.core.judgement import judge
from lowatch.core.known import Unknown
from lowatch.core.lifecycle import without_memory
from lowatch.core.name_outcomes import FollowedNames
from lowatch.core.policy import Policy
from lowatch.core.snapshot import DomainObservation, OtherViewAddress, Problem, Snapshot
from tests.unit.core.worlds import (
    BLIND,
    DEAF,
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
)

NOW = 10_000.0
POLICY = Policy(domains={WWW: domain(WWW, "80", any_of=False)})
SERVED = view(local(VIP, *seen(("80", NGINX))))
OVERRUN = Problem("netlink", "the receive buffer overran")
OLD = rrset(VIP, status=AnswerStatus.UNKNOWN, reason="old")
BESIDE = Answer(WWW, rrset(VIP), rrset(), others=(OtherView(View.GETADDRINFO, None, "timed out"),))
BESIDE_DNS = Answer(WWW, rrset(), rrset(), View.HOSTS, others=(OtherView(View.DNS, (VIP,)),))
OVERRIDING = Answer(WWW, rrset(VIP), rrset(), View.HOSTS, others=(OtherView(View.DNS, None, "timed out"),))


def audit(world: Snapshot) -> Audit:
    judgement = judge(world, POLICY)
    tracked = without_memory(judgement, Now(0.0, 1.0), POLICY)
    return build_audit(world, judgement, tracked, FollowedNames({AnswerStatus.RESOLVED: 1}), NOW)


def test_its_network_namespace() -> None:
    assert [audit(snapshot(**rest)).netns for rest in ({}, {"netns": "blue"})] == ["", "blue"]


def test_all_seen() -> None:
    found = audit(snapshot(held(VIP), domains={WWW: SERVED}, referenced=frozenset({VIP})))
    assert (found.complete, found.problems, found.findings) == (True, (), ())
    assert found.held == (held(VIP),)
    assert [(one.domain, str(one.port), one.verdict) for one in found.endpoints] == [
        (WWW, "80/tcp", "served")
    ]
    assert (found.host, found.audited_at, found.uptime) == ("web-17", 1_000_000.0, 86_400.0)
    assert found.statuses == {AnswerStatus.RESOLVED: 1}


def test_findings_as_tracked() -> None:
    found = audit(snapshot(domains={WWW: view(local(VIP, *seen(("80", None))))}))
    assert [one.state for one in found.findings] == ["firing"]
    assert found.complete


UNHEARD = Unknown("connect", "no place left")


def unsure(of: Answer) -> DomainObservation:
    return view(local(VIP, *seen(("80", NGINX))), of=of)


@pytest.mark.parametrize(
    ("rest", "problems"),
    [
        ({"links": DEAF}, [OVERRUN]),
        ({"held": DEAF}, [OVERRUN]),
        ({"held": DEAF, "links": DEAF, "prefixes": DEAF}, [OVERRUN]),
        ({"sockets": BLIND}, [Problem("sock_diag", "Operation not permitted")]),
        (
            {"domains": {WWW: view(local(VIP, *seen(("80", BLIND))))}},
            [Problem("kernel", f"{WWW} 80/tcp: sock_diag: Operation not permitted")],
        ),
        (
            {"domains": {WWW: view(local(VIP, *seen(("80", None, UNHEARD), ("443", None, UNHEARD))))}},
            [Problem("connect", f"{WWW} 80/tcp, {WWW} 443/tcp: no place left")],
        ),
        (
            {"domains": {WWW: view(undecided=[(VIP, "netlink: overrun")])}},
            [Problem("kernel", f"{WWW}: netlink: overrun")],
        ),
        ({"unresolved": {WWW: ("SERVFAIL", "")}}, [Problem("dns", f"{WWW}: A: SERVFAIL")]),
        ({"unresolved": {WWW: ("", "SERVFAIL")}}, [Problem("dns", f"{WWW}: AAAA: SERVFAIL")]),
        ({"unresolved": {WWW: ("SERVFAIL", "timed out")}}, [Problem("dns", f"{WWW}: A: SERVFAIL")]),
        (
            {
                "domains": {WWW: unsure(Answer(WWW, OLD, rrset()))},
                "unresolved": {WWW: ("old", "")},
            },
            [Problem("dns", f"{WWW}: A: old")],
        ),
        (
            {"domains": {WWW: view(of=BESIDE_DNS)._replace(in_other_views=(OtherViewAddress(VIP, DEAF),))}},
            [Problem("kernel", f"{WWW}: netlink: the receive buffer overran")],
        ),
    ],
    ids=[
        "links", "held", "the same thrice", "sockets", "listener", "connects", "locality", "A", "AAAA",
        "both", "unknown, with addresses kept", "locality of another view's address",
    ],
)  # fmt: skip
def test_each_failure_to_observe_is_reported_once(rest: dict[str, Any], problems: list[Problem]) -> None:
    """Whatever followed from it."""
    found = audit(snapshot(**rest))
    assert not found.complete
    assert list(found.problems) == problems


@pytest.mark.parametrize(
    ("rest", "problem"),
    [
        (
            {"domains": {WWW: view(local(VIP, *seen(("80", NGINX))), of=OVERRIDING)}},
            Problem("dns", f"{WWW}: timed out"),
        ),
        ({"unsure": {WWW: OtherView(View.DNS, None, "SERVFAIL")}}, Problem("dns", f"{WWW}: SERVFAIL")),
    ],
)
def test_a_view_that_could_not_be_compared_is_reported_and_leaves_the_audit_whole(
    rest: dict[str, Any], problem: Problem
) -> None:
    """What applications get is known without it."""
    found = audit(snapshot(**rest))
    assert (found.complete, found.problems) == (True, (problem,))


@pytest.mark.parametrize(
    "rest",
    [
        {"domains": {WWW: view(local(VIP, *seen(("80", NGINX))), of=BESIDE)}},
        {"unsure": {WWW: OtherView(View.GETADDRINFO, None, "timed out")}},
    ],
    ids=["it leads here by DNS", "it leads elsewhere by DNS"],
)
def test_where_getaddrinfo_was_asked_in_vain_the_audit_is_incomplete(rest: dict[str, Any]) -> None:
    """It is what applications call."""
    found = audit(snapshot(**rest))
    assert (found.complete, found.problems) == (False, (Problem("getaddrinfo", f"{WWW}: timed out"),))


def test_a_complaint_that_left_nothing_unknown() -> None:
    """A bad line beside a good one in resolv.conf: worth a word, and every answer is known."""
    complaint = Problem("dns", "/etc/resolv.conf:3: not an address")
    found = audit(snapshot(problems=(complaint,)))
    assert (found.complete, found.problems) == (True, (complaint,))


def test_a_file_of_name_resolution_that_cannot_be_read_leaves_it_incomplete() -> None:
    """Applications of other users may read it, and be led elsewhere."""
    line = "/etc/hosts: Permission denied"
    found = audit(snapshot(unread=(line,)))
    assert (found.complete, found.problems) == (False, (Problem("dns", line),))


def test_a_stale_answer_is_a_problem_but_nothing_unknown() -> None:
    found = audit(snapshot(domains={WWW: unsure(Answer(WWW, kept(720.0), rrset(VIP6)))}))
    assert found.complete
    assert found.problems == (
        Problem("dns", f"{WWW}: using the answer from 12 minutes ago: 192.0.2.53: timed out"),
    )


def test_a_stale_answer_beside_another_view_leaves_nothing_unknown() -> None:
    """Whether the views disagree stays open; that DNS is silent has been said."""
    answer = Answer(WWW, kept(720.0), rrset(), others=(OtherView(View.GETADDRINFO, ()),))
    found = audit(snapshot(domains={WWW: unsure(answer)}))
    assert found.complete
    assert [one.message for one in found.problems] == [
        f"{WWW}: using the answer from 12 minutes ago: 192.0.2.53: timed out"
    ]


def kept(seconds: float) -> RRset:
    return rrset(VIP, status=AnswerStatus.STALE, reason="192.0.2.53: timed out", stale_since=NOW - seconds)


def test_names_that_fail_alike_share_a_line() -> None:
    """However many they are; three are named."""
    names = [f"n{number}.example" for number in range(100_000)]
    silent = dict.fromkeys(names, ("timed out", "timed out"))
    other = {"other.example": ("", "SERVFAIL")}
    found = audit(snapshot(unresolved={**silent, **other}))
    assert [one.message for one in found.problems] == [
        "n0.example, n1.example, n2.example and 99,997 more: A: timed out",
        "other.example: AAAA: SERVFAIL",
    ]
    assert not found.complete


def test_stale_names_share_a_line_with_the_age_of_the_oldest() -> None:
    names = ["a.example", "b.example", "c.example", "d.example"]
    views = {
        name: unsure(Answer(name, kept(60.0 * number), rrset())) for number, name in enumerate(names, 2)
    }
    policy = Policy(domains={name: domain(name, "80") for name in names})
    world = snapshot(domains=views)
    found = build_audit(world, judge(world, policy), (), FollowedNames({}), NOW)
    [problem] = found.problems
    assert problem.message == (
        "a.example, b.example, c.example and 1 more: using the answer from up to 5 minutes ago: "
        "192.0.2.53: timed out"
    )


def test_another_view_that_is_kept_from_before() -> None:
    answer = Answer(WWW, rrset(VIP), rrset(), others=(OtherView(View.GETADDRINFO, (VIP,), "timed out"),))
    found = audit(snapshot(domains={WWW: unsure(answer)}))
    assert found.problems == (Problem("getaddrinfo", f"{WWW}: using the previous answer: timed out"),)
    assert found.complete


def test_unknown_held_shows_nothing_held() -> None:
    assert audit(snapshot(held=DEAF)).held == ()


def test_addresses_at_which_nobody_looks_are_a_problem_and_make_the_audit_incomplete() -> None:
    one = audit(snapshot(over_limit={WWW: 3872}))
    line = f"{WWW}: 3,872 addresses or SRV records over the limit"
    assert (one.complete, one.problems) == (False, (Problem("dns", line),))
    many = audit(snapshot(over_limit={"a": 5, "b": 9000, "c": 1, "d": 2}))
    assert [problem.message for problem in many.problems] == [
        "a, b, c and 1 more: up to 9,000 addresses or SRV records over the limit"
    ]


def test_names_that_lead_here_and_names_that_do_not_resolve() -> None:
    lost = Answer(
        "lost.example.com", rrset(status=AnswerStatus.NXDOMAIN), rrset(status=AnswerStatus.NXDOMAIN)
    )
    world = snapshot(held(VIP), domains={WWW: SERVED}, referenced=frozenset({VIP}))
    judgement = judge(world, POLICY)
    followed = FollowedNames({AnswerStatus.RESOLVED: 9, AnswerStatus.NXDOMAIN: 1}, (lost,))
    found = build_audit(world, judgement, (), followed, NOW)
    assert found.names == (SERVED.answer, lost)
    assert found.complete
