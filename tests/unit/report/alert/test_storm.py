from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.core.clock import Now
from lowatch.core.findings import Finding, FindingKind, Subject
from lowatch.core.lifecycle import (
    FindingState,
    Tracked,
)
from lowatch.core.limits.alerts import JOURNAL_BURST_OF_NAME, JOURNAL_FOLDED
from lowatch.report.alert import entry as alert
from lowatch.report.alert.entry import Announcement
from lowatch.report.alert.storm import (
    BURST,
    FOLDED_AT_ONCE,
    WINDOW,
    Storm,
)
from tests.unit.report.audit_worlds import NOW, nth, orphan

AT = Now(monotonic=5000.0, wall=NOW)


def alarm(
    number: int, kind: FindingKind = FindingKind.ORPHAN_VIP, state: FindingState = FindingState.FIRING
) -> Tracked:
    return Tracked(Finding(Subject(kind, domain=str(number)), "it is gone"), state, NOW, 0.0)


def announced(*alarms: Tracked) -> list[Announcement]:
    return [Announcement(each, AT) for each in alarms]


def numbers(folded: Iterable[Announcement]) -> list[int]:
    return [int(each.tracked.finding.subject.domain or 0) for each in folded]


class Writer:
    """Announces as the sink does, and keeps what is written: entries of their own, and summaries."""

    def __init__(self) -> None:
        self.storm = Storm()
        self.own: list[tuple[float, Tracked]] = []
        self.summaries: list[tuple[float, list[Announcement]]] = []

    def announce(self, one: Tracked, now: float) -> None:
        if self.storm.admits(one, now):
            self.own.append((now, one))
        else:
            self.storm.fold(Announcement(one, AT), now)
        self.pass_time(now)

    def pass_time(self, now: float) -> None:
        while taken := self.storm.take(now):
            self.summaries.append((now, list(taken)))


def test_one_name_does_not_use_up_the_burst_of_the_others() -> None:
    writer = Writer()
    of_one = [orphan("big.example.com", nth("10.0", n), "443/tcp") for n in range(4000)]
    for one in of_one:
        writer.announce(one, 100.0)
    assert [one for _, one in writer.own] == of_one[: JOURNAL_BURST_OF_NAME.value]
    innocent = orphan("www.example.com", "192.0.2.10", "443/tcp")
    writer.announce(innocent, 100.1)
    assert writer.own[-1] == (100.1, innocent)
    writer.pass_time(100.0 + WINDOW)
    folded = [one.tracked for _, summary in writer.summaries for one in summary]
    assert folded == of_one[JOURNAL_BURST_OF_NAME.value :]
    again = orphan("big.example.com", "192.0.2.11", "443/tcp")
    writer.announce(again, 100.0 + WINDOW)
    assert writer.own[-1][1] == again


def test_names_are_forgotten_again() -> None:
    storm = Storm(burst=10_000)
    for number in range(10_000):
        assert storm.admits(alarm(number), float(number))
    assert storm.names_kept < 3000


def test_so_many_are_entries_of_their_own_and_the_rest_is_folded() -> None:
    writer = Writer()
    for number in range(BURST + 10):
        writer.announce(alarm(number), 100.0)
    assert len(writer.own) == BURST
    assert writer.summaries == []
    assert writer.storm.due == 100.5
    assert writer.storm.waiting == 10
    writer.pass_time(100.5)
    ((_, folded),) = writer.summaries
    assert numbers(folded) == list(range(BURST, BURST + 10))
    assert writer.storm.due is None


def test_a_storm_that_goes_on_is_summarised_now_and_then() -> None:
    writer = Writer()
    for number in range(BURST + 200):
        writer.announce(alarm(number), number / 100)
    when = [at for at, _ in writer.summaries]
    assert when[0] == pytest.approx(2.5)
    assert when[1:] == []
    assert writer.storm.due == pytest.approx(7.5)


def test_a_summary_that_is_full_goes_out_at_once() -> None:
    writer = Writer()
    for number in range(BURST + 2 * FOLDED_AT_ONCE + 1):
        writer.announce(alarm(number), 100.0)
    assert [len(folded) for _, folded in writer.summaries] == [FOLDED_AT_ONCE, FOLDED_AT_ONCE]
    assert writer.storm.due == 105.0


def test_when_the_window_has_passed_they_are_entries_again() -> None:
    writer = Writer()
    for number in range(BURST):
        writer.announce(alarm(number), 100.0 + number / BURST)
    writer.announce(alarm(900), 100.0 + WINDOW - 0.01)
    writer.pass_time(1000.0)
    writer.announce(alarm(901), 100.0 + WINDOW)
    assert [one.finding.subject.domain for _, one in writer.own[BURST:]] == ["901"]


def test_one_class_of_priorities_never_uses_up_anothers() -> None:
    writer = Writer()
    for number in range(BURST + 1):
        writer.announce(alarm(number, FindingKind.WIDE_PREFIX), 100.0)
        writer.announce(alarm(number, FindingKind.IDLE_VIP), 100.0)
    writer.announce(alarm(0), 100.0)
    assert writer.own[-1][1].finding.subject.kind is FindingKind.ORPHAN_VIP
    # What is resolved is a notice, which journald counts together with info.
    writer.announce(alarm(1, FindingKind.MISSING_VIP, FindingState.RESOLVED), 100.0)
    writer.pass_time(200.0)
    assert {(f[0].tracked.finding.subject.kind, f[0].tracked.state) for _, f in writer.summaries} == {
        (FindingKind.WIDE_PREFIX, FindingState.FIRING),
        (FindingKind.IDLE_VIP, FindingState.FIRING),
        (FindingKind.MISSING_VIP, FindingState.RESOLVED),
    }


def test_the_worst_is_summarised_first_and_what_fires_before_what_is_resolved() -> None:
    storm = Storm()
    for kind, state in (
        (FindingKind.ORPHAN_VIP, FindingState.RESOLVED),
        (FindingKind.IDLE_VIP, FindingState.FIRING),
        (FindingKind.WIDE_PREFIX, FindingState.FIRING),
        (FindingKind.MISSING_VIP, FindingState.FIRING),
    ):
        storm.fold(Announcement(alarm(1, kind, state), AT), 0.0)
    storm.flush(0.0)
    kinds = [storm.take(0.0)[0].tracked.finding.subject.kind for _ in range(4)]
    assert kinds == [
        FindingKind.MISSING_VIP,
        FindingKind.WIDE_PREFIX,
        FindingKind.IDLE_VIP,
        FindingKind.ORPHAN_VIP,
    ]


def test_a_summary_is_of_one_severity() -> None:
    storm = Storm()
    for number in range(4):
        one = alarm(number, FindingKind.CAPTURED_VIP)
        of_info = replace(one, finding=replace(one.finding, info=number % 2 == 0))
        storm.fold(Announcement(of_info, AT), 0.0)
    storm.flush(0.0)
    summaries = [storm.take(0.0), storm.take(0.0)]
    assert [numbers(each) for each in summaries] == [[1, 3], [0, 2]]
    assert [alert.summary_fields(each)["LOWATCH_SEVERITY"] for each in summaries] == ["warning", "info"]


def test_what_resolves_a_folded_finding_does_not_overtake_it() -> None:
    writer = Writer()
    for number in range(BURST + 1):
        writer.announce(alarm(number), 100.0)
    writer.announce(alarm(BURST, state=FindingState.RESOLVED), 100.1)
    assert len(writer.own) == BURST
    writer.pass_time(101.0)
    assert [f[0].tracked.state for _, f in writer.summaries] == [FindingState.FIRING, FindingState.RESOLVED]
    writer.announce(alarm(BURST, state=FindingState.RESOLVED), 102.0)
    assert writer.own[-1][1].state is FindingState.RESOLVED


def test_what_fires_again_does_not_overtake_its_own_end() -> None:
    """Else whoever follows the journal has it as resolved, while it fires."""
    ended, again = alarm(1, state=FindingState.RESOLVED), alarm(1)
    story = [
        alarm(2, FindingKind.MISSING_VIP),
        alarm(3),
        ended,
        again,
        alarm(1, state=FindingState.RESOLVED),
        alarm(1),
    ]
    storm = Storm()
    for each in announced(*story):
        storm.fold(each, 0.0)
    waiting = storm.waiting_findings()
    storm.flush(0.0)
    taken = []
    while group := storm.take(0.0):
        taken += [each.tracked for each in group]
    for told in (waiting, taken):
        assert [each for each in told if each.finding.subject.domain == "1"] == story[2:]


def test_nothing_is_remembered_of_what_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long journald stays away, and whatever names come and go meanwhile."""
    monkeypatch.setattr(JOURNAL_FOLDED, "value", 3)
    storm = Storm()
    for number in range(100):
        storm.fold(Announcement(alarm(number), AT), 0.0)
    assert [storm.waits(alarm(number).finding.subject) for number in range(100)] == [False] * 97 + [
        True
    ] * 3
    storm.flush(0.0)
    storm.take(0.0)
    assert not storm.waits(alarm(99).finding.subject)


def test_beyond_all_bounds_the_least_severe_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JOURNAL_FOLDED, "value", 3)
    storm = Storm()
    lost = [
        storm.fold(one, 0.0)
        for one in announced(
            alarm(1, FindingKind.IDLE_VIP),
            alarm(2, FindingKind.IDLE_VIP),
            alarm(3),
            alarm(4),
            alarm(5),
            alarm(6),
        )
    ]
    assert lost == [0, 0, 0, 1, 1, 1]
    storm.flush(0.0)
    assert numbers(storm.take(0.0)) == [4, 5, 6]
    assert storm.waiting == 0


STEPS = st.lists(
    st.tuples(
        st.floats(0, 3),
        st.integers(0, 120),
        st.sampled_from([FindingKind.ORPHAN_VIP, FindingKind.WIDE_PREFIX, FindingKind.IDLE_VIP]),
        st.sampled_from([FindingState.FIRING, FindingState.RESOLVED]),
    ),
    max_size=40,
)


@given(STEPS)
def test_none_is_lost_and_no_class_exceeds_the_strictest_rate_limit(
    steps: list[tuple[float, int, FindingKind, FindingState]],
) -> None:
    writer, now, given_ = Writer(), 0.0, []
    for pause, number, kind, state in steps:
        now += pause
        writer.pass_time(now)
        for each in range(number):
            given_.append(alarm(len(given_) + each, kind, state))
            writer.announce(given_[-1], now)
    writer.storm.flush(now)
    writer.pass_time(now)
    told = [one for _, one in writer.own] + [one.tracked for _, f in writer.summaries for one in f]
    assert sorted(map(id, told)) == sorted(map(id, given_))
    written: dict[int, list[float]] = {}
    for at, one in [*writer.own, *((at, f[0].tracked) for at, f in writer.summaries)]:
        written.setdefault(min(alert.priority(one), 5), []).append(at)
    for times in written.values():
        assert all(sum(at <= other < at + WINDOW for other in times) < 1000 / 4 for at in times)


# Summaries.
