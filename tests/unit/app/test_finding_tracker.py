from __future__ import annotations

from dataclasses import replace

from lowatch.app.finding_tracker import as_told
from lowatch.core.findings import Finding, FindingKind, Subject
from lowatch.core.lifecycle import State, Tracked

FIRING = Tracked(Finding(Subject(FindingKind.ORPHAN_VIP), "dead"), State.FIRING, 5.0, 1.0, announced=True)
RESOLVED = replace(FIRING, state=State.RESOLVED, present=False)
KEY = FIRING.finding.subject.key


def test_where_nothing_waits_it_is_what_is_tracked() -> None:
    tracked = {KEY: FIRING}
    assert as_told(tracked, []) is tracked


def test_what_fires_and_waits_was_not_announced() -> None:
    accepted = replace(FIRING, state=State.ACKNOWLEDGED)
    for one in (FIRING, accepted):
        assert as_told({KEY: one}, [FIRING]) == {KEY: replace(one, announced=False)}


def test_what_is_resolved_and_waits_fires_still_for_all_that_anybody_knows() -> None:
    assert as_told({}, [RESOLVED]) == {KEY: replace(RESOLVED, state=State.FIRING, announced=True)}
    again = replace(FIRING, state=State.PENDING, announced=False)
    assert as_told({KEY: again}, [RESOLVED])[KEY].announced


def test_the_first_that_waits_decides() -> None:
    assert as_told({}, [FIRING, RESOLVED]) == {}
    assert as_told({KEY: FIRING}, [FIRING, RESOLVED, FIRING]) == {KEY: replace(FIRING, announced=False)}
    assert as_told({KEY: FIRING}, [RESOLVED, FIRING])[KEY].announced
