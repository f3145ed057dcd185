"""The findings between two audits: confirmed before they fire, announced in turn, due when time says so."""

from __future__ import annotations

from dataclasses import replace

from lowatch.app.finding_tracker import CONFIRMED_AT_ONCE, CONFIRMED_PER_DOMAIN, FindingTracker
from lowatch.core.addresses import parse_address
from lowatch.core.findings import FindingKind
from lowatch.core.lifecycle import FindingState, Remembered
from lowatch.core.policy import Acknowledgement
from tests.unit.app.findings import finding, judged, now, step
from tests.unit.app.scripted import policy_of

HOLD = 20.0


def tracker(hold: float = 0.0, *remembered: Remembered) -> FindingTracker:
    return FindingTracker(policy_of(hold=hold), remembered, now(0.0))


def announced(made: FindingTracker, count: int = 1000) -> list[str]:
    return [f"{one.finding.subject.domain} {one.state}" for one in made.take_unannounced(count)]


def test_an_orphan_that_is_not_confirmed_does_not_fire_but_waits() -> None:
    made = tracker()
    assert step(made, [finding(1)], 1.0, confirmed=set()) == (True, True)
    assert (made.has_unconfirmed, announced(made)) == (True, [])
    assert made.is_due(1.0)
    step(made, [finding(1)], 2.0)
    assert (made.has_unconfirmed, announced(made)) == (False, ["n1.example.com firing"])
    assert not made.is_due(2.0)


def test_other_kinds_need_no_confirmation() -> None:
    made = tracker()
    step(made, [finding(1, kind=FindingKind.HOLDER_DOWN)], 1.0, confirmed=set())
    assert announced(made) == ["n1.example.com firing"]


def test_of_many_to_confirm_those_of_small_domains_come_first() -> None:
    made = tracker()
    evil = [finding(number, "evil.example.com") for number in range(100)]
    others = [finding(1000 + number) for number in range(200)]
    some = made.to_confirm(judged([*evil, *others]), now(1.0))
    assert len(some) == CONFIRMED_AT_ONCE
    assert all(one in others for one in some)
    assert len(made.to_confirm(judged(evil), now(1.0))) == CONFIRMED_PER_DOMAIN


def test_what_is_announced_already_is_not_confirmed_again() -> None:
    made = tracker()
    step(made, [finding(1)], 1.0)
    assert made.to_confirm(judged([finding(1)]), now(2.0)) == []


def test_each_domain_is_announced_in_turn() -> None:
    made = tracker()
    step(made, [*(finding(number, "evil.example.com") for number in range(100)), finding(100)], 1.0)
    assert "n100.example.com firing" in announced(made, 2)
    assert made.has_unannounced
    assert len(made.unannounced()) == 99


def test_it_is_due_when_a_hold_ends_or_a_policy_comes() -> None:
    made = tracker(HOLD)
    assert made.due is None
    step(made, [finding(1)], 1.0)
    assert (made.due, made.is_due(20.9), made.is_due(21.0)) == (21.0, False, True)
    made.replace_policy(policy_of(hold=5.0))
    assert made.is_due(2.0)
    step(made, [finding(1)], 2.0)
    assert made.due == 6.0


def test_a_policy_that_comes_during_a_step_has_the_next_one_made_at_once() -> None:
    """Only what it acknowledges has changed: nothing else would ask for a step."""
    made = tracker(HOLD)
    steps = made.steps(judged(finding(number) for number in range(5000)), now(1.0), set())
    next(steps)
    known = Acknowledgement(1e12, "until the move")
    made.replace_policy(policy_of(hold=HOLD, acknowledgements=(known,)))
    for _ in steps:
        pass
    assert made.is_due(1.0)
    step(made, [finding(number) for number in range(5000)], 1.1)
    assert {one.state for one in made.tracked.values()} == {FindingState.ACKNOWLEDGED}


def test_a_step_counts_as_a_whole() -> None:
    """What a thread was handed stays as it is, and half a step shows nowhere."""
    made = tracker()
    before = made.tracked
    steps = made.steps(judged(finding(number) for number in range(5000)), now(1.0), set())
    next(steps)
    assert made.tracked is before
    assert not made.has_unannounced
    for _ in steps:
        pass
    assert (len(before), len(made.tracked)) == (0, 5000)


def test_what_changes_and_what_has_to_be_saved() -> None:
    made = tracker(HOLD)
    assert step(made, [finding(1)], 1.0) == (True, True), "it came"
    assert step(made, [finding(1)], 2.0) == (False, False)
    assert step(made, [finding(1)], 21.0) == (True, True), "it fires"
    assert step(made, [], 22.0) == (True, False), "it has gone, but is held"
    assert step(made, [], 42.0) == (True, True), "it is resolved"


def test_what_the_last_run_announced_goes_on_without_a_word() -> None:
    made = tracker(0.0, Remembered(finding(1), 5.0, announced=True))
    step(made, [finding(1)], 1.0)
    assert announced(made) == []
    assert [one.since for one in made.tracked.values()] == [5.0]
    step(made, [], 2.0)
    assert announced(made) == ["n1.example.com resolved"]


def test_in_dispute_and_orphaned() -> None:
    vip = parse_address("192.0.2.10")
    orphan, other = finding(1), finding(2, kind=FindingKind.VIEWS_DISAGREE)
    orphan = replace(orphan, subject=orphan.subject._replace(address=vip))
    made = tracker()
    step(made, [orphan, other], 1.0)
    assert made.in_dispute() == {"n2.example.com"}
    assert made.orphaned_in({"n1.example.com": ("timed out", "")}) == {vip}
    assert made.orphaned_in({"n2.example.com": ("timed out", "")}) == set()
