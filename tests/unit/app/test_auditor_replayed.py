"""A snapshot and a policy are all that judging needs: what the auditor said follows from them alone."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from lowatch.app import local_domains
from lowatch.core.judgement import Judgement, JudgementMemo, judge
from lowatch.core.policy import Policy
from lowatch.core.snapshot import Snapshot
from tests.support.replaying import assert_replays, said
from tests.unit.app.changes import NAMES, Change, beginning, policy
from tests.unit.app.scripted import Watch
from tests.unit.app.test_auditor_equals_fresh import run, sometimes_lost

examples = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five names are three chunks."""
    monkeypatch.setattr(local_domains, "_CHUNK", 2)


class Recording(Watch):
    """recorded: each audit's snapshot and policy, and what was said of them."""

    def __init__(self) -> None:
        super().__init__(beginning(), policy(NAMES))
        self.recorded: list[tuple[Snapshot, Policy, Judgement]] = []

    def audit(self, tracked: Any = ()) -> tuple[Snapshot, Judgement]:
        before = self.policy
        snapshot, judgement = super().audit(tracked)
        if self.policy is before:  # else a reload came in the middle, and the last audit tells whose it is
            self.recorded.append((snapshot, before, judgement))
        return snapshot, judgement


@examples
@given(sometimes_lost)
def test_a_snapshot_replayed_is_judged_the_same(steps: list[tuple[Change, str]]) -> None:
    """From a copy, for nothing may hang on identity; fixes are weighed by what the snapshot has."""
    watch = Recording()
    watch.audit()
    run(watch, steps)
    watch.audit()
    memo = JudgementMemo()
    for snapshot, policy_then, judgement in watch.recorded:
        expected = said(judgement)
        assert said(judge(copy.deepcopy(snapshot), policy_then)) == expected
        assert said(judge(snapshot, policy_then, memo)) == expected
        assert not any(finding.proposed for finding in judgement.findings)
        assert_replays(snapshot, policy_then, judgement)
