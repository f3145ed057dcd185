"""Findings as a person counts them."""

from __future__ import annotations

from lowatch.core.findings import FindingKind, Severity
from lowatch.core.lifecycle import FindingState
from lowatch.core.policy import Acknowledgement
from lowatch.report.digest import digest, summarise_groups
from tests.unit.report.audit_worlds import MONOTONIC, NOW, UNTIL, orphan


def test_names_and_ports_at_one_address_are_reported_as_one() -> None:
    [told] = summarise_groups(
        orphan(f"n{name}.example.com", "192.0.2.10", port)
        for name in range(5)
        for port in ("80/tcp", "443/tcp")
    )
    assert told.where == "192.0.2.10 on lo, 80/tcp and 443/tcp"
    assert told.named == "n0.example.com, n1.example.com, n2.example.com and 2 more"
    assert told.fixes == ("ip address del 192.0.2.10/32 dev lo",)
    assert len(told.reasons) == 1


def test_states_that_differ_are_counted() -> None:
    [told] = summarise_groups(
        [
            orphan("a.example.com", "192.0.2.10", "80/tcp"),
            orphan("b.example.com", "192.0.2.10", "80/tcp", state=FindingState.PENDING),
        ]
    )
    assert told.state == "1 firing, 1 pending"
    assert told.active


def test_what_is_acknowledged_is_a_thing_of_its_own() -> None:
    accepted = orphan(
        "a.example.com", "192.0.2.10", "80/tcp", state=FindingState.ACKNOWLEDGED, because="known"
    )
    active, passive = summarise_groups([orphan("b.example.com", "192.0.2.10", "80/tcp"), accepted])
    assert (active.active, passive.active) == (True, False)
    assert passive.acknowledgement == Acknowledgement(UNTIL, "known", FindingKind.ORPHAN_VIP)


def test_the_earliest_says_since_when() -> None:
    [told] = summarise_groups(
        orphan("a.example.com", "192.0.2.10", port, since=NOW - age)
        for port, age in (("80", 5), ("81", 60))
    )
    assert told.since == NOW - 60
    assert told.age(MONOTONIC) == 60


def test_only_the_first_that_fire_are_asked_for() -> None:
    findings = [orphan(f"n{number}.example", f"192.0.2.{number}", "80/tcp") for number in range(5)]
    summary = digest(findings, listed=2)
    assert len(summary.firing) == 2
    assert summary.group_counts == summary.findings == {(Severity.CRITICAL, FindingState.FIRING): 5}
