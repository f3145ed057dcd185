"""When events are sampled, and how thinly."""

from __future__ import annotations

import pytest

from lowatch.core.sampling_pace import LOWERED_EVERY, SamplingPace


def rain(pace: SamplingPace, began: float, seconds: float, rate: int) -> float:
    """Events come at this rate, as many as its level lets through. Returns when it was over."""
    now, looked = began, began
    while now < began + seconds:
        now += 4**pace.level / rate
        pace.arrived(now)
        if now >= looked + LOWERED_EVERY:
            looked = now
            pace.looked(now)
    return now


@pytest.mark.parametrize(
    ("rate", "level"), [(10, 0), (500, 0), (900, 0), (2_000, 1), (10_000, 2), (100_000, 4)]
)
def test_a_flood_is_thinned_to_a_thousand_a_second(rate: int, level: int) -> None:
    pace = SamplingPace(6)
    rain(pace, 100.0, 20.0, rate)
    assert pace.level == level


def test_a_short_burst_is_counted_exactly() -> None:
    pace = SamplingPace(6)
    for burst in range(5):
        for number in range(999):
            assert not pace.arrived(100.0 + 2 * burst + number / 1e5)


def test_when_it_is_over_all_are_read_again() -> None:
    pace = SamplingPace(6)
    now = rain(pace, 100.0, 20.0, 10_000)
    rain(pace, now, 20.0, 10)
    assert pace.level == 0


def test_when_nothing_comes_any_more_all_are_read_again() -> None:
    pace = SamplingPace(6)
    now = rain(pace, 100.0, 20.0, 10_000)
    for _ in range(3):
        now += LOWERED_EVERY
        pace.looked(now)
    assert pace.level == 0


def test_a_loss_raises_it_up_to_the_highest() -> None:
    pace = SamplingPace(2)
    assert [pace.overran() for _ in range(3)] == [True, True, False]
    assert pace.level == 2
