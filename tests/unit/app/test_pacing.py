"""When to poll for listeners that are missing, and when the next audit may begin."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.app.pacing import AuditPace, Heard, NamesPace, PollPace

NEVER = float("-inf")


def test_the_first_poll_is_due_at_once() -> None:
    assert PollPace().due_if(Heard.NOTHING) == NEVER


def test_where_everything_is_reported_it_polls_for_a_while_after_a_report_only() -> None:
    pace = PollPace()
    assert pace.due_if(Heard.ALL) == inf
    pace.changed(100.0)
    assert pace.due_if(Heard.ALL) == NEVER
    for polled, due in ((100.0, 100.03), (101.99, 102.02), (102.0, inf)):
        pace.polled(polled, polled)
        assert pace.due_if(Heard.ALL) == pytest.approx(due)
    pace.changed(200.0)
    assert pace.due_if(Heard.ALL) < 200.0


def test_after_a_report_the_next_poll_waits_for_its_share_of_the_time_only() -> None:
    pace = PollPace()
    pace.changed(100.0)
    for heard in Heard:
        pace.polled(100.0, 100.0)
        pace.polled(99.9999, 100.0)
        pace.reported(100.0)
        assert pace.due_if(heard) == 100.0
        pace.polled(99.9999, 100.0)
        assert pace.due_if(heard) == pytest.approx(100.03)
        pace.reported(100.0)
        assert pace.due_if(heard) == pytest.approx(100.01)


def test_where_starting_units_are_noticed_it_polls_less_often() -> None:
    pace = PollPace()
    pace.changed(100.0)
    for polled, due in ((100.0, 100.03), (102.0, 103.0), (200.0, 201.0)):
        pace.polled(polled, polled)
        assert pace.due_if(Heard.STARTS) == pytest.approx(due)


@pytest.mark.parametrize(
    ("changed", "polled", "cost", "due"),
    [
        (100.0, None, 0.0, NEVER),
        (100.0, 100.03, 0.0, 100.06),
        (100.0, 101.99, 0.0, 102.02),
        (100.0, 102.0, 0.0, 102.2),
        (100.0, 500.0, 0.0, 500.2),
        (None, 500.0, 0.0, 500.2),
        (100.0, 100.5, 0.0001, 100.53),
        (100.0, 100.5, 0.001, 100.6),
        (100.0, 100.5, 0.01, 101.5),
        (100.0, 500.0, 0.001, 500.2),
        (100.0, 500.0, 0.01, 501.0),
        (600.0, 500.0, 0.0, 500.03),
    ],
    ids=[
        "never polled", "polled since", "for two seconds", "then slower", "and so on",
        "nothing ever changed", "cheap", "dear", "very dear", "dear, but slow anyway",
        "very dear, and slow", "changed since: at once",
    ],
)  # fmt: skip
def test_polls_are_fast_after_a_change_and_never_costly(
    changed: float | None, polled: float | None, cost: float, due: float
) -> None:
    """30 ms for 2 s, then 200 ms; never more than a hundredth of the time."""
    pace = PollPace()
    if changed is not None:
        pace.changed(changed)
    if polled is not None:
        pace.polled(polled - cost, polled)
        pace.polled(polled - cost, polled)  # one dear poll may have been waiting for a processor
    assert pace.due_if(Heard.NOTHING) == pytest.approx(due)


def test_changes_that_never_end_do_not_put_a_poll_off() -> None:
    """A hundred services that come and go: the one that came back is seen all the same."""
    pace = PollPace()
    pace.polled(100.0, 100.0)
    for n in range(100):
        pace.changed(100.0 + n / 100)
        assert pace.due_if(Heard.NOTHING) == 100.03


@given(st.lists(st.floats(0.0, 0.5), min_size=1, max_size=50), st.booleans())
def test_polling_takes_no_more_than_a_hundredth(costs: list[float], always_changing: bool) -> None:
    """However dear polls are, and however often something changes."""
    pace, now = PollPace(), 0.0
    for cost in costs:
        if always_changing:
            pace.changed(now)
        now = max(now, pace.due_if(Heard.NOTHING))
        pace.polled(now, now + cost)
        now += cost
    assert pace.due_if(Heard.NOTHING) >= 99.0 * min(costs[-2:] if len(costs) > 1 else [0.0]) + now


@pytest.mark.parametrize(
    ("took", "rest"),
    [(0.0, 0.0), (0.001, 0.004), (0.01, 0.04), (0.0625, 0.25), (0.1, 0.25), (10.0, 0.25)],
)
def test_audits_rest_four_times_as_long_as_they_took(took: float, rest: float) -> None:
    """At most a quarter of a second: noticing comes first."""
    pace = AuditPace()
    assert pace.due == NEVER
    pace.audited(100.0, 100.0 + took)
    assert pace.due == NEVER, "a second one may follow at once: a sweep delays no event"
    pace.audited(100.0, 100.0 + took)
    assert pace.due - (100.0 + took) == pytest.approx(rest)


def test_names_and_then_their_ports_are_put_into_force_at_once() -> None:
    pace = NamesPace()
    assert pace.rest(10.0, 10.001) == pytest.approx(0.02)
    assert pace.rest(10.05, 10.051) == pytest.approx(0.15)


@given(st.lists(st.floats(0.0001, 0.2), min_size=10, max_size=50))
def test_names_that_change_without_an_end_take_their_share(took: list[float]) -> None:
    pace, now, ends = NamesPace(), 10.0, [0.0]
    for each in took:
        ends.append(now + each)
        rest = pace.rest(now, now + each)
        assert rest >= 20 * each - 1e-6
        now += each + rest
        assert now >= ends[-2] + 0.2 - 1e-6
