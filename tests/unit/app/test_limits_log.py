import logging

import pytest

from lowatch.app.limits_log import LOGGED_EVERY, LimitsLog
from lowatch.core.limits.limit import Limit


def limit(name: str = "carts", *, lossless: bool = False) -> Limit:
    return Limit(name, 1000, "carts of a shop", "the rest is left out", "a shop", lossless=lossless)


def test_a_bound_is_reported_once_in_a_while_and_what_came_between_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    carts, other = limit(), limit("other")
    other.reached()
    log = LimitsLog([carts, other])
    log.look(0.0)
    carts.reached()
    log.look(5.0)
    for second in range(10, 500, 5):
        carts.reached(100)
        log.look(second)
    log.look(5.0 + LOGGED_EVERY)
    log.look(10.0 + 3 * LOGGED_EVERY)
    assert caplog.messages == [
        "limit carts (1,000 carts of a shop) reached once: the rest is left out, continuing",
        "limit carts (1,000 carts of a shop) reached 9,800 times: the rest is left out, continuing",
    ]


def test_nothing_is_reported_if_nothing_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        waits = limit(lossless=True)
        log = LimitsLog([waits])
        waits.reached()
        log.look(0.0)
    assert caplog.messages == []
