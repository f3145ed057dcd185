"""A finding's life, in stories: what each corner of the table is for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lowatch.app.state_saver import SavedState, as_delivered
from lowatch.core.findings import Finding
from lowatch.core.judgement import Judgement
from lowatch.core.lifecycle import (
    FindingState,
    Remembered,
    Step,
    Tracked,
    about_to_fire,
    next_due,
    revive,
    step,
    stepping,
    without_memory,
)
from lowatch.core.policy import Policy
from tests.unit.core.lives import (
    ACCEPTING,
    ACKNOWLEDGED,
    FINDING,
    FIRING,
    GONE,
    HOLD,
    KEY,
    PENDING,
    PLAIN,
    SHOWS,
    SHOWS_AMID_UNKNOWN,
    START,
    SUBJECT,
    UNKNOWN,
    at,
    policy,
)


class Life:
    """One finding, judgement after judgement."""

    def __init__(self, hold: float = HOLD) -> None:
        self.policy = policy(hold)
        self.last = Step({}, ())

    def judged(self, judgement: Judgement, seconds: float) -> str:
        """The state, and in capitals what was announced: "firing FIRING"; "" where there is none."""
        self.last = step(self.last.tracked, judgement, at(seconds), self.policy)
        states = [one.state.value for one in self.last.tracked.values()]
        return " ".join([*states, *(one.state.value.upper() for one in self.last.announcements)])

    @property
    def only(self) -> Tracked:
        (tracked,) = self.last.tracked.values()
        return tracked


def reason_of(one: Tracked) -> str:
    return one.acknowledgement.reason if one.acknowledgement else ""


def test_it_fires_when_it_has_lasted_and_resolves_when_it_has_been_gone() -> None:
    life = Life()
    assert life.judged(SHOWS, 0) == "pending"
    assert life.judged(SHOWS, 29.9) == "pending"
    assert life.judged(SHOWS, 30) == "firing FIRING"
    assert life.judged(SHOWS, 31) == "firing"
    assert life.judged(GONE, 40) == "firing"
    assert life.judged(GONE, 69.9) == "firing"
    assert life.judged(GONE, 70) == "RESOLVED"
    assert life.judged(GONE, 71) == ""


def test_without_hold_everything_is_at_once() -> None:
    life = Life(hold=0)
    assert life.judged(SHOWS, 0) == "firing FIRING"
    assert life.judged(GONE, 0) == "RESOLVED"


@pytest.mark.parametrize("hold", [0.1, 0.2, 0.3, 30.0])
@pytest.mark.parametrize("start", [0.1, 0.7, 123456.789, 1e6 + 0.3])
def test_a_step_when_it_is_due_is_not_too_early(hold: float, start: float) -> None:
    """Whatever floating point makes of start + hold - start."""
    under = policy(hold)
    shown = step({}, SHOWS, at(start), under)
    due = next_due(shown.tracked, at(start), under)
    assert due is not None
    assert [one.state for one in step(shown.tracked, SHOWS, at(due), under).announcements] == [FIRING]


def test_what_stays_as_it_is_stays_the_same_object() -> None:
    """20,000 of them are stepped many times a second."""
    life = Life()
    life.judged(SHOWS, 0)
    pending = life.only
    life.judged(SHOWS, 10)
    assert life.only is pending
    life.judged(SHOWS, 30)
    firing = life.only
    life.judged(SHOWS, 40)
    assert life.only is firing
    life.judged(UNKNOWN, 50)
    unjudged = life.only
    life.judged(UNKNOWN, 60)
    assert life.only is unjudged


def test_no_fix_is_offered_for_what_cannot_be_judged_or_is_gone() -> None:
    """It was harmless when it was offered; what has become of that nobody knows."""
    life = Life()
    life.judged(SHOWS, 0)
    assert life.only.finding.fix
    life.judged(UNKNOWN, 1)
    assert not life.only.finding.fix
    assert life.judged(SHOWS, 30) == "firing FIRING"
    assert life.only.finding.fix
    life.judged(GONE, 31)
    assert not life.only.finding.fix


def test_what_may_not_fire_yet_has_the_fix_of_now() -> None:
    life = Life()
    life.judged(SHOWS, 0)
    harmful = Judgement({}, (FINDING.without_fix(),), ())
    steps = stepping(life.last.tracked, harmful, at(HOLD), life.policy, lambda _: False)
    with pytest.raises(StopIteration) as end:
        next(steps)
    step, withheld = end.value.value
    assert withheld
    assert [(one.state, one.finding.fix) for one in step.tracked.values()] == [(PENDING, ())]


def test_what_vanishes_before_it_fired_is_never_mentioned() -> None:
    life = Life()
    for start in (0, 40, 80):
        assert life.judged(SHOWS, start) == "pending"
        assert life.judged(SHOWS, start + 29) == "pending"
        assert life.judged(GONE, start + 30) == ""


def test_flapping_says_nothing() -> None:
    life = Life()
    life.judged(SHOWS, 0)
    assert life.judged(SHOWS, 30) == "firing FIRING"
    for second in range(31, 331, 10):
        assert life.judged(GONE, second) == "firing"
        assert life.judged(SHOWS, second + 5) == "firing"
    assert life.only.since == START


def test_unknown_neither_clears_nor_raises() -> None:
    life = Life()
    life.judged(SHOWS, 0)
    before = life.only
    assert life.judged(UNKNOWN, 1_000) == "pending"
    assert replace(life.only, finding=before.finding) == before
    life.judged(SHOWS, 1_001)
    before = life.only
    assert life.judged(UNKNOWN, 5_000) == "firing"
    assert replace(life.only, finding=before.finding) == before
    assert Life().judged(UNKNOWN, 0) == ""


def test_a_finding_counts_though_others_of_its_scope_are_undecided() -> None:
    life = Life()
    assert life.judged(SHOWS_AMID_UNKNOWN, 0) == "pending"
    assert life.judged(SHOWS_AMID_UNKNOWN, 30) == "firing FIRING"


def test_the_latest_words_are_kept() -> None:
    """A stale answer, another port in the message: the finding is the same, what it says is new."""
    life = Life()
    life.judged(SHOWS, 0)
    life.judged(Judgement({}, (replace(FINDING, message="still nobody"),), ()), 30)
    assert life.only.finding.message == "still nobody"
    life.judged(GONE, 31)
    assert life.only.finding.message == "still nobody"


def test_acknowledged_is_never_announced() -> None:
    life = Life()
    life.policy = ACCEPTING
    assert life.judged(SHOWS, 0) == "acknowledged"
    assert life.judged(SHOWS, 1_000) == "acknowledged"
    assert reason_of(life.only) == "known"
    assert life.judged(GONE, 1_001) == "acknowledged"
    assert reason_of(life.only) == "known"
    assert life.judged(GONE, 1_031) == ""


def test_acknowledged_after_it_fired_is_still_resolved_aloud() -> None:
    """Whoever was told that it fires is told that it is over; a moment's absence is not that."""
    life = Life()
    life.judged(SHOWS, 0)
    life.judged(SHOWS, 30)
    life.policy = ACCEPTING
    assert life.judged(SHOWS, 40) == "acknowledged"
    assert life.judged(GONE, 50) == "acknowledged"
    assert life.judged(SHOWS, 51) == "acknowledged"
    assert life.judged(GONE, 60) == "acknowledged"
    assert life.judged(GONE, 90) == "RESOLVED"


def test_an_acknowledgement_expires_and_it_fires() -> None:
    life = Life()
    life.policy = policy(acknowledged_until=100)
    assert life.judged(SHOWS, 0) == "acknowledged"
    assert life.judged(SHOWS, 99.9) == "acknowledged"
    assert life.judged(SHOWS, 100) == "firing FIRING"
    assert reason_of(life.only) == ""


def test_it_expires_before_the_hold_is_over() -> None:
    life = Life()
    life.policy = policy(acknowledged_until=10)
    assert life.judged(SHOWS, 0) == "acknowledged"
    assert life.judged(SHOWS, 10) == "pending"
    assert life.judged(SHOWS, 30) == "firing FIRING"


def test_it_expires_after_it_had_fired() -> None:
    """It was announced before, but nobody has heard of it since: whoever follows the journal is told."""
    life = Life()
    life.judged(SHOWS, 0)
    life.judged(SHOWS, 30)
    life.policy = policy(acknowledged_until=100)
    assert life.judged(SHOWS, 40) == "acknowledged"
    assert life.judged(GONE, 98) == "acknowledged"
    assert life.judged(SHOWS, 99) == "acknowledged"
    assert life.judged(SHOWS, 100) == "firing FIRING"
    assert life.last.announcements[0].acknowledgement == life.policy.acknowledgements[0]
    assert life.only.acknowledgement is None
    assert life.judged(SHOWS, 100.5) == "firing"
    assert life.judged(GONE, 101) == "firing"
    assert life.judged(GONE, 131) == "RESOLVED"


def test_it_is_taken_back() -> None:
    """An acknowledgement that is removed from the configuration has ended as well."""
    life = Life()
    life.judged(SHOWS, 0)
    life.judged(SHOWS, 30)
    life.policy = ACCEPTING
    assert life.judged(SHOWS, 40) == "acknowledged"
    life.policy = PLAIN
    assert about_to_fire(life.last.tracked, SHOWS, at(41), PLAIN, 9) == [FINDING]
    assert life.judged(SHOWS, 41) == "firing FIRING"


def test_another_acknowledgement_takes_its_place() -> None:
    life = Life()
    life.policy = policy(acknowledged_until=100, reason="first")
    assert life.judged(SHOWS, 0) == "acknowledged"
    life.policy = policy(acknowledged_until=200, reason="second")
    assert life.judged(SHOWS, 10) == "acknowledged"
    assert life.only.acknowledgement == life.policy.acknowledgements[0]


@pytest.mark.parametrize("announced", [False, True])
def test_it_expires_while_the_daemon_is_down(announced: bool) -> None:
    life = Life()
    was = Remembered(FINDING, START - 20, announced=announced, acknowledged=True)
    life.policy = policy(hold=0)
    life.last = Step(revive([was], at(0), life.policy), ())
    assert life.judged(UNKNOWN, 1) == "acknowledged"
    assert life.judged(SHOWS, 2) == "firing FIRING"
    assert life.judged(SHOWS, 3) == "firing"


def test_it_holds_on_after_a_restart() -> None:
    life = Life()
    was = Remembered(FINDING, START - 20, announced=True, acknowledged=True)
    life.policy = ACCEPTING
    life.last = Step(revive([was], at(0), life.policy), ())
    assert life.judged(UNKNOWN, 1) == "acknowledged"
    assert life.only.acknowledgement == ACCEPTING.acknowledgements[0]
    assert life.judged(SHOWS, 2) == "acknowledged"
    assert life.judged(GONE, 3) == "acknowledged"
    assert life.judged(GONE, 33) == "RESOLVED"


@pytest.mark.parametrize(
    ("state", "present", "under", "due"),
    [
        (PENDING, True, PLAIN, 1_030.0),
        (FIRING, True, PLAIN, None),
        (FIRING, False, PLAIN, 1_030.0),
        (ACKNOWLEDGED, True, policy(acknowledged_until=5_000.0), 5_000.0),
        (ACKNOWLEDGED, False, policy(acknowledged_until=5_000.0), 1_030.0),
        (ACKNOWLEDGED, False, policy(acknowledged_until=1_020.0), 1_020.0),
    ],
)
def test_when_time_alone_changes_something(
    state: FindingState, present: bool, under: Policy, due: float | None
) -> None:
    tracked = {KEY: Tracked(FINDING, state, START, 1_000.0, present, state is FIRING)}
    assert next_due(tracked, at(1_010.0), under) == due


def test_the_earliest_is_due_first() -> None:
    others = {
        f"{second}": Tracked(FINDING, PENDING, START, float(second)) for second in (1_005, 1_001, 1_009)
    }
    assert next_due(others, at(1_010.0), PLAIN) == 1_031.0
    assert next_due({}, at(1_010.0), PLAIN) is None


def test_what_did_not_happen_when_it_was_due_is_not_due_again() -> None:
    """It is undecided: waiting for that to end, and not spinning until then."""
    life = Life()
    life.judged(SHOWS, 0)
    assert next_due(life.last.tracked, at(0), PLAIN) == 30.0
    life.judged(UNKNOWN, 30)
    assert next_due(life.last.tracked, at(30), PLAIN) is None


def test_a_life_goes_on_after_a_restart() -> None:
    """Announced: it fires on without a word. Not announced: its hold begins anew. `since` is kept."""
    remembered = [Remembered(FINDING, START - 5_000, announced=True)]
    tracked = revive(remembered, at(0), PLAIN)
    assert [(one.state, one.since, one.announced) for one in tracked.values()] == [
        (FIRING, START - 5_000, True)
    ]
    for judgement in (SHOWS, UNKNOWN):
        after, announcements = step(tracked, judgement, at(1), PLAIN)
        assert (after[KEY].state, after[KEY].since, announcements) == (FIRING, START - 5_000, ())


def test_what_was_pending_before_a_restart() -> None:
    life = Life()
    life.last = Step(revive([Remembered(FINDING, START - 20, announced=False)], at(0), PLAIN), ())
    assert life.judged(UNKNOWN, 500) == "pending"
    assert life.judged(SHOWS, 501) == "firing FIRING"
    assert life.only.since == START - 20


def test_what_went_during_a_restart_is_resolved_after_its_hold() -> None:
    life = Life()
    life.last = Step(revive([Remembered(FINDING, START - 20, announced=True)], at(0), PLAIN), ())
    assert life.judged(UNKNOWN, 500) == "firing"
    assert life.judged(GONE, 501) == "firing"
    assert life.judged(GONE, 530) == "firing"
    assert life.judged(GONE, 531) == "RESOLVED"


class TestInDoubt:
    """The process was killed as it told of it: firing or resolved, nobody knows what was written last."""

    DOUBTFUL = (Remembered(FINDING, START - 20, announced=True, delivery_unknown=True),)

    def test_what_shows_is_announced_once_more(self) -> None:
        life = Life()
        life.last = Step(revive(self.DOUBTFUL, at(0), PLAIN), ())
        assert life.judged(UNKNOWN, 1) == "firing"
        assert life.judged(SHOWS, 2) == "firing FIRING"
        assert life.only.since == START - 20
        assert life.judged(SHOWS, 3) == "firing"

    def test_what_is_gone_is_resolved(self) -> None:
        life = Life()
        life.last = Step(revive(self.DOUBTFUL, at(0), PLAIN), ())
        assert life.judged(GONE, 1) == "firing"
        assert life.judged(GONE, 1 + HOLD) == "RESOLVED"

    def test_it_is_about_to_fire(self) -> None:
        (due,) = about_to_fire(revive(self.DOUBTFUL, at(0), PLAIN), SHOWS, at(1), PLAIN, 9)
        assert due.subject == SUBJECT

    def test_while_it_waits_to_be_announced_again_its_delivery_is_unknown(self) -> None:
        after, announcements = step(revive(self.DOUBTFUL, at(0), PLAIN), SHOWS, at(1), PLAIN)
        assert not after[KEY].delivery_unknown
        assert as_delivered(SavedState(after, announcements))[KEY].delivery_unknown
        assert as_delivered(SavedState(after, announcements))[KEY].announced


def test_several_findings_live_each_their_own_life() -> None:
    other = Finding(SUBJECT._replace(domain="shop.example.com"), "nobody there either")
    life = Life()
    life.judged(SHOWS, 0)
    life.judged(Judgement({}, (other, FINDING), ()), 20)
    life.judged(Judgement({}, (other, FINDING), ()), 30)
    assert [(key == KEY, one.state) for key, one in life.last.tracked.items()] == [
        (True, FIRING),
        (False, PENDING),
    ]
    life.judged(Judgement({}, (other,), UNKNOWN.undecided), 50)
    assert {one.state for one in life.last.tracked.values()} == {FIRING}


def test_an_audit_without_memory_is_firing_or_acknowledged() -> None:
    (firing,) = without_memory(SHOWS, at(0), PLAIN)
    assert (firing.state, firing.since, reason_of(firing)) == (FIRING, START, "")
    (accepted,) = without_memory(SHOWS, at(0), policy(acknowledged_until=1, reason="until the move"))
    assert (accepted.state, reason_of(accepted)) == (ACKNOWLEDGED, "until the move")
    (expired,) = without_memory(SHOWS, at(1), policy(acknowledged_until=1))
    assert expired.state is FIRING
    assert without_memory(UNKNOWN, at(0), PLAIN) == ()


def test_what_informed_alerts_once_it_is_more_than_a_guess() -> None:
    life = Life()
    guessed = Judgement({}, (replace(FINDING, info=True),), ())
    assert life.judged(guessed, 0) == "pending"
    assert life.judged(guessed, 30) == "firing FIRING"
    assert life.judged(guessed, 40) == "firing"
    assert life.judged(SHOWS, 50) == "pending"
    assert life.judged(SHOWS, 80) == "firing FIRING"
    assert life.judged(guessed, 90) == "firing", "no news"
