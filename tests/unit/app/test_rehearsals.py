"""Fixes are rehearsed where they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from lowatch.app.rehearsals import kept, rehearsals, together
from lowatch.core.addresses import Address, Port, Prefix, parse_address
from lowatch.core.findings import Action, Finding, FindingKind, Fix, Subject
from lowatch.core.fixes.rehearsal import Goal, Job
from lowatch.core.held import Held
from lowatch.core.lifecycle import FindingState, Tracked
from lowatch.core.plan import Rehearsal, Step
from lowatch.core.policy import Policy
from lowatch.core.verdicts import JudgedEndpoint, Verdict
from tests.unit.report.audit_worlds import clear

A = parse_address("192.0.2.10")
PLAN = (Step("remove", Held(A, 32, "lo")),)
START = Fix(Action.START, "start nginx.service", ("systemctl start nginx.service",))
REMOVAL = Fix(Action.REMOVE, "remove 192.0.2.10 from lo", ("ip address del",), plan=PLAN)
SAFE = Rehearsal("safe")


def tracked(
    port: int = 80, *fixes: Fix, state: FindingState = FindingState.FIRING, advice: str = ""
) -> Tracked:
    subject = Subject(FindingKind.ORPHAN_VIP, "lo", A, "www.example.com", Port(port, "tcp"))
    return Tracked(Finding(subject, "", advice=advice, fixes=fixes), state, since=0, changed=0)


class Rehearser:
    def __init__(self, outcome: Rehearsal = SAFE) -> None:
        self.jobs: list[Job] = []
        self.outcome = outcome

    def __call__(self, jobs: Sequence[Job]) -> list[Rehearsal]:
        self.jobs += jobs
        return [self.outcome] * len(jobs)


def test_equal_plans_are_rehearsed_once() -> None:
    rehearser = Rehearser()
    found = rehearsals((tracked(80, START, REMOVAL), tracked(443, REMOVAL)), (A,), rehearser)
    assert rehearser.jobs == [Job(PLAN, Goal("not local", Prefix(A, 32)), (A,))]
    rehearsed = REMOVAL._replace(rehearsal=SAFE)
    assert [one.finding.fixes for one in found] == [(START, rehearsed), (rehearsed,)]


@pytest.mark.parametrize(
    "one",
    [tracked(80, START), tracked(80), tracked(80, REMOVAL, state=FindingState.ACKNOWLEDGED)],
)
def test_nothing_to_rehearse(one: Tracked) -> None:
    rehearser = Rehearser()
    assert rehearsals((one,), (), rehearser) == (one,)
    assert not rehearser.jobs


def test_one_that_cannot_be_rehearsed_is_offered_and_says_so() -> None:
    outcome = Rehearsal("not-possible", "this user may make no network namespace")
    [found] = rehearsals((tracked(80, REMOVAL),), (), Rehearser(outcome))
    assert found.finding.fixes == (REMOVAL._replace(rehearsal=outcome),)
    assert found.finding.fix == REMOVAL.commands


HARM = Rehearsal("harmful", "it would also remove 192.0.2.11/24 on lo")
WHY = (
    "in a copy of this network, it would also remove 192.0.2.11/24 on lo "
    "(a bug in lowatch: please report it)"
)


def test_one_that_does_harm_is_not_offered() -> None:
    advice = "start the service for 80/tcp on 192.0.2.10"
    [found] = rehearsals(
        (tracked(80, REMOVAL, advice=f"{advice}; if it has moved for good, remove the address:"),),
        (),
        Rehearser(HARM),
    )
    assert (found.finding.fix, found.finding.fixes) == ((), ())
    assert found.finding.advice == f"{advice}; no command is offered: {WHY}"


def test_the_other_fixes_stay() -> None:
    [found] = rehearsals((tracked(80, START, REMOVAL),), (), Rehearser(HARM))
    assert (found.finding.fix, found.finding.fixes) == (START.commands, (START,))
    assert found.finding.advice == f"no command removes it: {WHY}"


def test_what_must_stay_local() -> None:
    def endpoint(address: str, verdict: Verdict) -> JudgedEndpoint:
        return JudgedEndpoint("www.example.com", parse_address(address), "lo", Port(80, "tcp"), verdict)

    addresses = {
        "192.0.2.1": Verdict.SERVED,
        "192.0.2.2": Verdict.ORPHAN,
        "192.0.2.3": Verdict.UNUSED,
        "192.0.2.4": Verdict.UNKNOWN,
        "::ffff:192.0.2.5": Verdict.FILTERED,
    }
    endpoints = [endpoint(*one) for one in addresses.items()]
    expected: tuple[Address, ...] = tuple(
        map(parse_address, ("192.0.2.1", "192.0.2.4", "192.0.2.5", "192.0.2.9"))
    )
    assert kept(endpoints, Policy(expect=(expected[-1],))) == expected


def test_several_one_upon_the_other() -> None:
    audit = replace(clear(), endpoints=())
    other = REMOVAL._replace(plan=(Step("remove", Held(A, 24, "lo")),))
    finding, rehearser = tracked(80, REMOVAL).finding, Rehearser()
    assert together([(finding, REMOVAL), (finding, other)], audit, Policy(), rehearser) == ""
    assert [job.plan for job in rehearser.jobs] == [REMOVAL.plan, other.plan]
    harmful = Rehearser(HARM)
    assert together([(finding, REMOVAL), (finding, other)], audit, Policy(), harmful) == HARM.reason
    alone = REMOVAL._replace(rehearsal=SAFE)
    assert together([(finding, alone)], audit, Policy(), Rehearser(HARM)) == ""
    left_out = REMOVAL._replace(rehearsal=Rehearsal("not-possible", "too many fixes"))
    assert together([(finding, left_out)], audit, Policy(), Rehearser(HARM)) == HARM.reason


def test_tracked_is_otherwise_the_same() -> None:
    before = tracked(80, REMOVAL)
    [after] = rehearsals((before,), (), Rehearser())
    assert replace(after, finding=before.finding) == before
