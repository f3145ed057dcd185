"""The last audit, for whoever shows it."""

from __future__ import annotations

from lowatch.app.finding_tracker import FindingTracker
from lowatch.app.latest_audit import LatestAudit
from lowatch.core.audit import Audit
from lowatch.core.judgement import judge
from tests.support.aio import run_async
from tests.unit.app.findings import step
from tests.unit.app.scripted import Watch, policy_of, serves
from tests.unit.app.story import VIP, world


class Shown:
    """An auditor's audits, and the last of them."""

    def __init__(self) -> None:
        self.world = world()
        self.watch = Watch(self.world, policy_of(serves("80"), hold=0.0))
        self.tracker = FindingTracker(self.watch.policy, (), self.watch.clock.now())
        self.latest = LatestAudit(self.watch.auditor, self.tracker, self.watch.clock)

    def look(self) -> None:
        snapshot, judgement = self.watch.sweep()
        step(self.tracker, judgement.findings, self.watch.clock.monotonic)
        run_async(self.latest.replace(snapshot, judgement, self.watch.policy))

    @property
    def audit(self) -> Audit:
        audit = self.latest.audit
        assert audit is not None
        return audit


def test_before_the_first_there_is_none() -> None:
    latest = Shown().latest
    assert latest.audit is latest.judgement is latest.held is latest.observed is None
    assert latest.orphans == {}


def test_it_has_what_was_found_and_the_values_of_the_series() -> None:
    shown = Shown()
    shown.look()
    assert shown.latest.held == 1
    assert [one.finding.subject.address for one in shown.audit.findings] == [VIP]
    assert list(shown.latest.orphans.values()) == [1]
    assert shown.latest.judgement is not None


def test_it_is_the_same_object_until_the_findings_or_the_audit_change() -> None:
    shown = Shown()
    shown.look()
    first = shown.audit
    assert shown.audit is first
    shown.latest.findings_changed()
    second = shown.audit
    assert second is not first
    shown.look()
    assert shown.audit is not second


def test_what_was_observed_with_its_policy() -> None:
    shown = Shown()
    shown.look()
    observed = shown.latest.observed
    assert observed is not None
    assert observed.policy is shown.watch.policy
    assert observed.followed == shown.watch.auditor.followed()
    assert judge(observed.snapshot, observed.policy).findings == shown.latest.judgement.findings  # type: ignore[union-attr]


def test_what_is_held_may_be_unknown() -> None:
    shown = Shown()
    shown.world.blind = True
    shown.look()
    assert shown.latest.held is None
