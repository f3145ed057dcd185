"""The order of a report."""

from __future__ import annotations

import random
from dataclasses import replace

from lowatch.core.answers import AnswerStatus
from lowatch.core.findings import FindingKind, Severity
from lowatch.core.lifecycle import FindingState
from lowatch.report.digest import digest
from lowatch.report.order import (
    count_groups,
    endpoints_in_order,
    findings_in_order,
    held_order,
    names_in_order,
)
from tests.unit.report.audit_worlds import answer, bad_night, held, orphan, tracked


def test_findings_come_in_the_same_order_whatever_they_came_in() -> None:
    findings = list(bad_night().findings)
    in_order = findings_in_order(findings)
    random.shuffle(findings)
    assert findings_in_order(findings) == in_order


def test_the_worst_comes_first_and_what_is_accepted_last() -> None:
    idle = tracked(FindingKind.IDLE_VIP, "idle", address="192.0.2.1")
    accepted = orphan("a.example", "192.0.2.2", "80/tcp", state=FindingState.ACKNOWLEDGED)
    worst = orphan("z.example", "192.0.2.3", "80/tcp")
    assert findings_in_order([idle, accepted, worst]) == [worst, idle, accepted]


def test_addresses_are_sorted_as_numbers_ipv4_first() -> None:
    texts = ("2001:db8::1", "192.0.2.10", "192.0.2.9")
    ordered = sorted(map(held, texts), key=held_order)
    assert [one.address for one in ordered] == [held(one).address for one in reversed(texts)]


def test_endpoints_and_names_go_by_name() -> None:
    endpoints = endpoints_in_order(bad_night().endpoints)
    assert [one.domain for one in endpoints] == sorted(one.domain for one in endpoints)
    names = [answer(name, AnswerStatus.NODATA) for name in ("b.example", "a.example")]
    assert [one.domain for one in names_in_order(names)] == ["a.example", "b.example"]


def test_ten_names_at_one_address_are_one_thing() -> None:
    findings = [orphan(f"n{number}.example", "192.0.2.10", "80/tcp") for number in range(10)]
    assert count_groups([*findings, orphan("x.example", "192.0.2.11", "80/tcp")]) == {
        (Severity.CRITICAL, FindingState.FIRING): 2
    }


def test_what_is_for_information_is_another_thing() -> None:
    captured = [
        tracked(
            FindingKind.CAPTURED_VIP,
            "it is sshd",
            interface="lo",
            address="192.0.2.10",
            domain=f"{name}.example",
        )
        for name in "ab"
    ]
    findings = [captured[0], replace(captured[1], finding=replace(captured[1].finding, info=True))]
    expected = {(Severity.WARNING, FindingState.FIRING): 1, (Severity.INFO, FindingState.FIRING): 1}
    assert count_groups(findings) == digest(findings).group_counts == expected
