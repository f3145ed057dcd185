"""The table of a finding's life: every state that there can be, under every condition."""

from __future__ import annotations

import itertools

import pytest

from lowatch.core.lifecycle import FindingState, Tracked, step
from tests.unit.core.lives import (
    ACCEPTING,
    ACKNOWLEDGED,
    FINDING,
    FIRING,
    GONE,
    KEY,
    PENDING,
    PLAIN,
    RESOLVED,
    SHOWS,
    START,
    UNKNOWN,
    at,
)

# The whole table. From a state in which the finding is present or not (and was announced or not) since
# 100 s ago, or since just now, under a judgement -> the next state, and what is announced.
T, F = True, False
TABLE: dict[tuple[FindingState, bool, bool], dict[str, tuple[FindingState | None, FindingState | None]]] = {
    # state, present, announced
    (PENDING, T, F): {
        "shows, not held": (PENDING, None),
        "shows, held": (FIRING, FIRING),
        "accepted": (ACKNOWLEDGED, None),
        "gone, not held": (None, None),
        "unknown": (PENDING, None),
    },
    (FIRING, T, T): {
        "shows, not held": (FIRING, None),
        "shows, held": (FIRING, None),
        "accepted": (ACKNOWLEDGED, None),
        "gone, not held": (FIRING, None),
        "unknown": (FIRING, None),
    },
    (FIRING, F, T): {
        "shows, not held": (FIRING, None),
        "accepted": (ACKNOWLEDGED, None),
        "gone, not held": (FIRING, None),
        "gone, held": (None, RESOLVED),
        "unknown": (FIRING, None),
    },
    (ACKNOWLEDGED, T, F): {
        "shows, not held": (PENDING, None),
        "shows, held": (FIRING, FIRING),
        "accepted": (ACKNOWLEDGED, None),
        "gone, not held": (ACKNOWLEDGED, None),
        "unknown": (ACKNOWLEDGED, None),
    },
    (ACKNOWLEDGED, T, T): {
        "shows, not held": (FIRING, FIRING),
        "shows, held": (FIRING, FIRING),
        "accepted": (ACKNOWLEDGED, None),
        "gone, not held": (ACKNOWLEDGED, None),
        "unknown": (ACKNOWLEDGED, None),
    },
    (ACKNOWLEDGED, F, F): {
        "shows, not held": (PENDING, None),
        "accepted": (ACKNOWLEDGED, None),
        "gone, not held": (ACKNOWLEDGED, None),
        "gone, held": (None, None),
        "unknown": (ACKNOWLEDGED, None),
    },
    (ACKNOWLEDGED, F, T): {
        "shows, not held": (FIRING, FIRING),
        "accepted": (ACKNOWLEDGED, None),
        "gone, not held": (ACKNOWLEDGED, None),
        "gone, held": (None, RESOLVED),
        "unknown": (ACKNOWLEDGED, None),
    },
}
CONDITIONS = {
    "shows, not held": (SHOWS, PLAIN, 1.0),
    "shows, held": (SHOWS, PLAIN, 100.0),
    "accepted": (SHOWS, ACCEPTING, 100.0),
    "gone, not held": (GONE, PLAIN, 1.0),
    "gone, held": (GONE, PLAIN, 100.0),
    "unknown": (UNKNOWN, PLAIN, 100.0),
}


@pytest.mark.parametrize(
    ("before", "condition", "after"),
    [(before, condition, after) for before, row in TABLE.items() for condition, after in row.items()],
)
def test_table(
    before: tuple[FindingState, bool, bool],
    condition: str,
    after: tuple[FindingState | None, FindingState | None],
) -> None:
    state, present, announced = before
    judgement, under, lasted = CONDITIONS[condition]
    tracked = Tracked(FINDING, state, START, 1_000.0, present, announced)
    tracked_after, announcements = step({KEY: tracked}, judgement, at(1_000.0 + lasted), under)
    left = tracked_after.get(KEY)
    assert ((left.state if left else None), [one.state for one in announcements]) == (
        after[0],
        [after[1]] if after[1] else [],
    )
    if left is not None and condition != "unknown":
        assert left.present is (judgement is SHOWS)
        assert left.announced is (announced or after[1] is FIRING)


def test_the_table_is_whole() -> None:
    """Every state that there can be, under every condition that there can be then."""
    assert set(TABLE) == {
        (state, present, announced)
        for state, present, announced in itertools.product(FindingState, (T, F), (T, F))
        if state is not RESOLVED  # is not kept
        and (state is not PENDING or (present and not announced))
        and (state is not FIRING or announced)
    }
    for (_, present, _), row in TABLE.items():
        impossible = {"gone, held"} if present else {"shows, held"}  # a change starts the hold anew
        assert set(row) == set(CONDITIONS) - impossible
