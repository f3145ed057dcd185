"""How it is said who served an endpoint last."""

from __future__ import annotations

from lowatch.core.last_served import LastServed, latest

AT = 1795403527.25  # 2026-11-23T03:12:07Z


def test_the_unit_and_the_time() -> None:
    assert str(LastServed("nginx.service", AT)) == "served by nginx.service until 2026-11-23T03:12:07Z"


def test_without_a_known_unit_nothing_is_guessed() -> None:
    assert str(LastServed(None, AT)) == "served until 2026-11-23T03:12:07Z"


def test_an_end_that_nobody_saw() -> None:
    last = LastServed("nginx.service", AT, ended=False)
    assert str(last) == "served by nginx.service, last seen at 2026-11-23T03:12:07Z"


def test_the_latest_of_several_and_the_first_of_those_that_ended_together() -> None:
    old, first, second = LastServed("a.service", 1.0), LastServed("b.service", 2.0), LastServed("c", 2.0)
    assert latest([None, old, first, second]) is first
    assert latest([None]) is None
    assert latest([]) is None
