"""What a recording says: the audit that it was, and an explanation of each part of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lowatch.app.replay import NotRecordedError, explain_recorded, replay
from lowatch.config.targets import parse_explain_target
from lowatch.core.addresses import Address, parse_address, parse_prefix
from lowatch.core.answers import AnswerStatus
from lowatch.core.explanation import Explanation, RouteAnswer
from lowatch.core.known import Unknown
from lowatch.core.lifecycle import FindingState
from lowatch.core.recording.recording import Recording
from lowatch.core.snapshot import Problem
from tests.unit.core.recording.samples import MAIL, WWW, recording
from tests.unit.core.worlds import VIP, VIP6, answer, domain, held, local, rrset, seen, view

FAR, GONE = "far.example.com", "gone.example.com"
ELSEWHERE = parse_address("198.51.100.7")


def recorded(**rest: Any) -> Recording:
    """With a name that leads elsewhere, and one without an answer."""
    base = recording()
    lost = answer(name=GONE)
    lost = replace(lost, a=rrset(status=AnswerStatus.UNKNOWN, reason="timed out"))
    return replace(
        base,
        policy=replace(base.policy, domains={**base.policy.domains, FAR: domain(FAR), GONE: domain(GONE)}),
        snapshot=replace(base.snapshot, unresolved={GONE: ("timed out", "")}),
        **{
            "statuses": {AnswerStatus.RESOLVED: 3, AnswerStatus.UNKNOWN: 1},
            "not_resolved": (lost,),
            "elsewhere": (answer(ELSEWHERE, name=FAR),),
            "routes": {
                VIP: RouteAnswer(True, parse_prefix("192.0.2.10/32"), "lo"),
                VIP6: RouteAnswer(True, parse_prefix("2001:db8::10/128"), "lo"),
                ELSEWHERE: RouteAnswer(False, parse_prefix("0.0.0.0/0"), "eth0", watched=False),
            },
            **rest,
        },
    )


def explained(target: str, **rest: Any) -> Explanation:
    return explain_recorded(parse_explain_target(target), recorded(**rest))


def endpoints(explanation: Explanation) -> dict[tuple[Address, str], str]:
    return {
        (one.address, str(endpoint.port)): endpoint.verdict.value
        for one in explanation.addresses
        for endpoint in one.endpoints
    }


def test_an_audit_as_of_its_own_time() -> None:
    audit = replay(recorded()).audit
    assert (audit.host, audit.audited_at, audit.complete) == ("web-17", 1_000_000.0, False)
    assert audit.problems == (Problem("dns", "gone.example.com: A: timed out"),)
    assert [one.domain for one in audit.names] == [WWW, MAIL, GONE]
    states = {one.finding.subject.kind.value: one.state for one in audit.findings}
    assert states["missing-vip"] is FindingState.ACKNOWLEDGED
    assert {one.since for one in audit.findings} == {1_000_000.0}


def test_the_problems_of_files_make_it_incomplete() -> None:
    assert replay(recording()).audit.complete
    audit = replay(recording(problems=(Problem("config", "names.txt: no such file"),))).audit
    assert (audit.complete, audit.problems) == (False, (Problem("config", "names.txt: no such file"),))


def test_a_domain() -> None:
    found = explained(WWW)
    assert (found.target, found.host, found.at) == (WWW, "web-17", 1_000_000.0)
    assert endpoints(found) == {
        (VIP, "80/tcp"): "served",
        (VIP, "443/tcp"): "served",
        (VIP6, "80/tcp"): "orphan",
        (VIP6, "443/tcp"): "orphan",
    }
    assert [one.held for one in found.addresses] == [(held(VIP, label="lo:vip"),), (held(VIP6),)]
    assert {one.finding.subject.domain for one in found.findings} == {WWW}
    assert found.answer == recorded().snapshot.domains[WWW].answer
    assert (found.problems, found.complete) == ((), True), "those of other names do not matter"


def test_a_domain_at_one_port() -> None:
    found = explained(f"{WWW}:443")
    assert endpoints(found) == {(VIP, "443/tcp"): "served", (VIP6, "443/tcp"): "orphan"}
    assert found.complete


def test_a_port_that_was_not_recorded() -> None:
    found = explained(f"{WWW}:8443")
    assert endpoints(found) == {}
    assert found.problems == (Problem("snapshot", "8443/tcp was not recorded"),)


def test_a_domain_that_leads_elsewhere() -> None:
    found = explained(FAR)
    assert [one.address for one in found.addresses] == [ELSEWHERE]
    assert found.addresses[0].route == RouteAnswer(False, parse_prefix("0.0.0.0/0"), "eth0", watched=False)
    assert (endpoints(found), found.complete) == ({}, True)


def test_a_domain_without_an_answer() -> None:
    found = explained(GONE)
    assert (found.addresses, found.complete) == ((), False)
    assert found.problems == (Problem("dns", "gone.example.com: A: timed out"),)


def test_a_domain_that_was_not_recorded() -> None:
    with pytest.raises(NotRecordedError, match=r"shop\.example\.com was not recorded"):
        explained("shop.example.com")
    with pytest.raises(NotRecordedError, match=r"far\.example\.com does not lead to the host"):
        explained(FAR, elsewhere=())


def test_an_address() -> None:
    found = explained("192.0.2.10")
    assert found.names == (MAIL, WWW)
    assert endpoints(found) == {
        (VIP, "80/tcp"): "served",
        (VIP, "443/tcp"): "served",
        (VIP, "25/tcp"): "backlogged",
    }
    assert {one.domain for evidence in found.addresses for one in evidence.endpoints} == {""}
    assert {one.finding.subject.domain for one in found.findings} == {MAIL}


def test_an_address_in_another_form() -> None:
    found = explained("[::ffff:192.0.2.10]:25")
    assert endpoints(found) == {(parse_address("::ffff:192.0.2.10"), "25/tcp"): "backlogged"}


def test_an_address_of_which_no_port_was_recorded() -> None:
    assert explained("192.0.2.10:22").problems[0] == Problem("snapshot", "22/tcp was not recorded")
    idle = recorded()
    host = replace(idle.snapshot, domains={}, referenced=frozenset())
    found = explain_recorded(parse_explain_target("192.0.2.10"), replace(idle, snapshot=host))
    assert found.problems[0] == Problem("snapshot", "any port of it was not recorded")
    assert [one.finding.subject.kind.value for one in found.findings] == []


@pytest.mark.parametrize(
    ("place", "prefix"),
    [
        ({"held": held("192.0.2.10", 24)}, "192.0.2.10/32"),
        ({"held": held("192.0.2.10", by="route", table=255)}, "192.0.2.10/32"),
        ({"covering": (held("192.0.0.1", 16), held("192.0.2.1", 24))}, "192.0.2.0/24"),
    ],
)
def test_a_route_that_a_daemon_left_out_follows_from_what_is_held(place: Any, prefix: str) -> None:
    base = recorded(routes={})
    seen_here = view(local(VIP, *seen(("80/tcp", None)), **place))
    host = replace(base.snapshot, domains={WWW: seen_here})
    found = explain_recorded(parse_explain_target(WWW), replace(base, snapshot=host))
    assert found.addresses[0].route == RouteAnswer(True, parse_prefix(prefix), "lo")


def test_a_route_that_cannot_be_known() -> None:
    found = explained(FAR, routes={})
    assert found.addresses[0].route == Unknown("snapshot", "its route was not recorded")
    assert not found.complete
