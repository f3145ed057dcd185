"""summarise: what an audit tells, and whether it saw everything."""

from __future__ import annotations

from typing import Any

import pytest

from lowatch.core.answers import Answer, RRset, Status
from lowatch.core.audit import Audit, summarise
from lowatch.core.judgement import judge
from lowatch.core.lifecycle import Now, without_memory
from lowatch.core.policy import Policy
from lowatch.core.snapshot import DomainView, Problem, Snapshot
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

POLICY = Policy(domains={WWW: domain(WWW, "80", any_of=False)})
SERVED = view(local(VIP, *seen(("80", NGINX))))
OVERRUN = Problem("netlink", "the receive buffer overran")
NO_ANSWER = RRset(Status.UNKNOWN, reason="SERVFAIL from 192.0.2.53")


def audit(world: Snapshot) -> Audit:
    judgement = judge(world, POLICY)
    tracked = without_memory(judgement, Now(0.0, 1.0), POLICY)
    return summarise(world, judgement, tracked, {Status.RESOLVED: 1})


def test_all_seen() -> None:
    found = audit(snapshot(held(VIP), domains={WWW: SERVED}, referenced=frozenset({VIP})))
    assert (found.complete, found.problems, found.findings) == (True, (), ())
    assert found.held == (held(VIP),)
    assert [(one.domain, str(one.port), one.verdict) for one in found.endpoints] == [
        (WWW, "80/tcp", "served")
    ]
    assert (found.host, found.audited_at, found.uptime) == ("web-17", 1_000_000.0, 86_400.0)
    assert found.statuses == {Status.RESOLVED: 1}


def test_findings_as_tracked() -> None:
    found = audit(snapshot(domains={WWW: view(local(VIP, *seen(("80", None))))}))
    assert [one.state for one in found.findings] == ["firing"]
    assert found.complete


def unsure(of: Answer) -> DomainView:
    return view(local(VIP, *seen(("80", NGINX))), of=of)


@pytest.mark.parametrize(
    ("rest", "problems"),
    [
        ({"links": DEAF}, [OVERRUN]),
        ({"held": DEAF}, [OVERRUN]),
        ({"held": DEAF, "links": DEAF, "prefixes": DEAF}, [OVERRUN]),
        ({"bound": BLIND}, [Problem("sock_diag", "Operation not permitted")]),
        (
            {"domains": {WWW: view(local(VIP, *seen(("80", BLIND))))}},
            [Problem("kernel", f"{WWW} 80/tcp: sock_diag: Operation not permitted")],
        ),
        (
            {"domains": {WWW: view(undecided=[(VIP, "netlink: overrun")])}},
            [Problem("kernel", f"{WWW}: netlink: overrun")],
        ),
        (
            {"domains": {WWW: unsure(Answer(WWW, NO_ANSWER, rrset()))}},
            [Problem("dns", f"{WWW}: A: SERVFAIL from 192.0.2.53")],
        ),
        (
            {"domains": {WWW: unsure(Answer(WWW, rrset(VIP), NO_ANSWER))}},
            [Problem("dns", f"{WWW}: AAAA: SERVFAIL from 192.0.2.53")],
        ),
        (
            {"domains": {WWW: unsure(Answer(WWW, NO_ANSWER, NO_ANSWER))}},
            [Problem("dns", f"{WWW}: A: SERVFAIL from 192.0.2.53")],
        ),
        (
            {"domains": {WWW: unsure(Answer(WWW, RRset(Status.UNKNOWN, (VIP,), reason="old"), rrset()))}},
            [Problem("dns", f"{WWW}: A: old")],
        ),
    ],
    ids=[
        "links", "held", "the same thrice", "bound", "listener", "locality", "A", "AAAA",
        "both", "unknown, with addresses kept",
    ],
)  # fmt: skip
def test_each_failure_to_observe_is_told_once(rest: dict[str, Any], problems: list[Problem]) -> None:
    """Whatever followed from it."""
    found = audit(snapshot(**rest))
    assert not found.complete
    assert list(found.problems) == problems


def test_a_complaint_that_left_nothing_unknown() -> None:
    """A bad line beside a good one in resolv.conf: worth a word, and every answer is known."""
    complaint = Problem("dns", "/etc/resolv.conf:3: not an address")
    found = audit(snapshot(problems=(complaint,)))
    assert (found.complete, found.problems) == (True, (complaint,))


def test_a_stale_answer_is_a_problem_but_nothing_unknown() -> None:
    stale = RRset(Status.STALE, (VIP,), reason="192.0.2.53: timed out", stale_since=1.0)
    found = audit(snapshot(domains={WWW: unsure(Answer(WWW, stale, rrset(VIP6)))}))
    assert found.complete
    assert found.problems == (Problem("dns", f"{WWW}: kept from before: 192.0.2.53: timed out"),)


def test_unknown_held_shows_nothing_held() -> None:
    assert audit(snapshot(held=DEAF)).held == ()
