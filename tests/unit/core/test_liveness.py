from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.app import daemon
from lowatch.core.liveness import MAX_STEP, Heartbeat, Liveness, LivenessMonitor
from lowatch.kernel import event_socket as events
from lowatch.resolve import engine

LIMIT = 30.0


def heartbeat(progress: int, *, busy: bool = True) -> Heartbeat:
    return Heartbeat("resolver", busy, progress, LIMIT)


def silence(*looks: tuple[float, Heartbeat]) -> float:
    """After the last of these."""
    monitor = LivenessMonitor()
    for now, seen in looks:
        monitor.look([seen], now)
    return monitor.latest[0].silent


def test_who_gets_nothing_done_is_silent() -> None:
    assert silence((0, heartbeat(7)), (5, heartbeat(7)), (10, heartbeat(7))) == 10


def test_who_gets_something_done_is_not() -> None:
    assert silence((0, heartbeat(7)), (5, heartbeat(7)), (10, heartbeat(8))) == 0


def test_who_has_nothing_to_do_is_not() -> None:
    assert silence((0, heartbeat(7)), (5, heartbeat(7)), (10, heartbeat(7, busy=False))) == 0
    assert silence((0, heartbeat(7)), (5, heartbeat(7, busy=False)), (10, heartbeat(7))) == 5


def test_a_stopped_process_gets_its_chance() -> None:
    """SIGSTOP, a suspend, a frozen VM: an hour that nobody could have used."""
    assert silence((0, heartbeat(7)), (3600, heartbeat(7))) == MAX_STEP < LIMIT


@pytest.mark.parametrize("limit", [daemon.STUCK_AFTER, engine.STUCK_AFTER, events.STUCK_AFTER])
def test_who_was_stopped_twice_within_any_limit_is_not_stuck(limit: float) -> None:
    """The look after a stop may come before the part's own turn, whatever had woken it."""
    monitor = LivenessMonitor()
    for now in (0.0, 5.0, 3605.0):
        monitor.look([Heartbeat("route events", True, 1, limit)], now)
    assert not monitor.latest[0].stuck


def test_beyond_the_limit_it_is_stuck_and_says_so() -> None:
    assert not Liveness("resolver", LIMIT, LIMIT).stuck
    stuck = Liveness("resolver", 31.4, LIMIT)
    assert stuck.stuck
    assert str(stuck) == "resolver: no progress for 31 s (limit 30 s)"


def test_each_part_has_its_own() -> None:
    monitor = LivenessMonitor()
    for now in (0.0, 5.0, 10.0):
        monitor.look([Heartbeat("audits", True, int(now), 45), heartbeat(1)], now)
    assert monitor.latest == (Liveness("audits", 0, 45), Liveness("resolver", 10, LIMIT))


@given(st.lists(st.tuples(st.floats(0, 1e6), st.booleans(), st.integers(0, 3)), min_size=1))
def test_never_silent_for_longer_than_it_was_looked_at(looks: list[tuple[float, bool, int]]) -> None:
    looks.sort(key=lambda look: look[0])
    seen = silence(*((now, heartbeat(progress, busy=busy)) for now, busy, progress in looks))
    assert 0 <= seen <= looks[-1][0] - looks[0][0]
