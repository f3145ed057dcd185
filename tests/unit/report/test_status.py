from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.core.answers import AnswerStatus
from lowatch.core.lifecycle import FindingState
from lowatch.core.liveness import Liveness
from lowatch.report.status import (
    DaemonStatus,
    document,
    render_json,
)
from lowatch.report.text.status import render

from .audit_worlds import bad_night
from .golden import assert_golden
from .status_worlds import in_trouble, starting, well

WORLDS = {"well": well, "starting": starting, "in-trouble": in_trouble}


def plain(status: DaemonStatus, width: int = 80) -> str:
    return render(status, colour=False, width=width)


@pytest.mark.parametrize("name", WORLDS)
def test_golden(name: str) -> None:
    assert_golden(f"status-{name}.txt", plain(WORLDS[name]()))
    assert_golden(f"status-{name}.json", render_json(WORLDS[name]()).decode("ascii"))


class TestJson:
    def test_what_fires_is_the_worst_first(self) -> None:
        firing = document(in_trouble())["firing"]
        ranks = [["info", "warning", "critical"].index(one["severity"]) for one in firing]
        assert ranks == sorted(ranks, reverse=True)
        expected = {t.finding.subject.key for t in bad_night().findings if t.state is FindingState.FIRING}
        assert {one["key"] for one in firing} == expected

    def test_every_status_is_counted_be_it_zero(self) -> None:
        assert document(starting())["domains"] == dict.fromkeys(AnswerStatus, 0)

    @given(st.floats(0, 1e9), st.floats(0, 1e6))
    def test_it_is_always_json(self, age: float, limit: float) -> None:
        status = replace(well(), liveness=[Liveness("loop", age, limit)], dns_lag=age, audit_seconds=limit)
        assert json.loads(render_json(status))["healthy"] == (age <= limit)
