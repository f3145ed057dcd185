"""At most so many queries a second, and how they are spread."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lowatch.resolve.upstream.rate_limit import (
    SMALL_BURST,
    RateLimit,
)


@given(st.integers(1, 20), st.lists(st.floats(0, 0.5), max_size=200))
def test_never_more_than_the_limit_in_any_second(limit: int, pauses: list[float]) -> None:
    rate, now, taken = RateLimit(limit), 50.0, []
    for pause in pauses:
        now += pause
        now += rate.wait(now) and rate.wait(now) + 1e-9
        assert rate.wait(now) == 0
        rate.take(now)
        taken.append(now)
    for first, beyond in zip(taken, taken[limit:], strict=False):
        assert beyond - first >= 1


@given(st.integers(1, 2_000), st.lists(st.tuples(st.floats(0, 0.3), st.integers(1, 500)), max_size=60))
def test_spread_it_is_an_eighth_in_an_eighth_of_a_second(
    limit: int, steps: list[tuple[float, int]]
) -> None:
    rate, now, taken = RateLimit(limit, spread=True), 50.0, []
    for pause, wanted in steps:
        now += pause
        now += rate.wait(now) and rate.wait(now) + 1e-9
        count = min(wanted, rate.budget(now))
        assert count > 0
        rate.take(now, count)
        taken.append((now, count))
    for seconds, most in ((1, limit), (0.125, max(SMALL_BURST, limit // 8))):
        for at, _ in taken:
            assert sum(count for time, count in taken if at <= time < at + seconds) <= most


def test_spread_it_still_comes_to_the_whole_limit_in_a_second() -> None:
    rate, now, taken = RateLimit(800, spread=True), 50.0, 0
    while now < 51.0:
        taken += rate.budget(now)
        rate.take(now, rate.budget(now))
        now += rate.wait(now)
    assert taken == 800


def test_a_burst_of_the_whole_limit_goes_at_once() -> None:
    rate = RateLimit(200)
    rate.take(50.0, 150)
    assert rate.budget(50.0) == 50
    rate.take(50.1, 50)
    assert rate.wait(50.25) == 0.75
    assert rate.budget(51.0) == 150
