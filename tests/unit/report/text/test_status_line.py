from __future__ import annotations

from lowatch.core.addresses import parse_address, parse_port
from lowatch.core.answers import AnswerStatus
from lowatch.core.findings import Finding, FindingKind, Subject
from lowatch.core.lifecycle import FindingState, Tracked
from lowatch.report.text.status_line import starting_line, status_line


def found(
    kind: FindingKind, state: FindingState, address: str = "192.0.2.1", port: str = "80/tcp"
) -> Tracked:
    subject = Subject(kind, "lo", parse_address(address), "www.example.com", parse_port(port))
    return Tracked(Finding(subject, "something is wrong"), state, 0.0, 0.0)


def test_all_is_well() -> None:
    statuses = {AnswerStatus.RESOLVED: 118, AnswerStatus.UNKNOWN: 2, AnswerStatus.STALE: 0}
    assert status_line(3, statuses, []) == (
        "3 addresses held; 120 domains: 118 resolved, 2 unknown; no findings"
    )


def test_findings() -> None:
    tracked = [
        found(FindingKind.ORPHAN_VIP, FindingState.FIRING),
        found(FindingKind.ORPHAN_VIP, FindingState.FIRING, port="443/tcp"),
        found(FindingKind.ORPHAN_VIP, FindingState.FIRING, address="192.0.2.2"),
        found(FindingKind.IDLE_VIP, FindingState.FIRING),
        found(FindingKind.WIDE_PREFIX, FindingState.PENDING),
        found(FindingKind.WIDE_PREFIX, FindingState.ACKNOWLEDGED),
        found(FindingKind.WIDE_PREFIX, FindingState.RESOLVED),
    ]
    assert status_line(1, {AnswerStatus.RESOLVED: 1}, tracked) == (
        "1 address held; 1 domain: 1 resolved; "
        "3 findings firing (1 info, 2 critical), 1 pending, 1 acknowledged"
    )


def test_nothing_is_firing_yet() -> None:
    pending = [found(FindingKind.ORPHAN_VIP, FindingState.PENDING)]
    assert status_line(1, {AnswerStatus.RESOLVED: 1}, pending).endswith(
        "; 1 domain: 1 resolved; 0 findings firing, 1 pending"
    )


def test_unknown_is_not_none() -> None:
    expected = "addresses held: unknown; 1 domain: 1 unknown; no findings"
    assert status_line(None, {AnswerStatus.UNKNOWN: 1}, []) == expected


def test_without_a_domain_nothing_is_well() -> None:
    assert status_line(3, {}, []) == (
        "no domain is configured: nothing to check; 3 addresses held; no findings"
    )


def test_without_a_domain_that_leads_here_all_is_well() -> None:
    assert status_line(3, {}, [], searched=True) == "3 addresses held; no domain leads here; no findings"


def test_while_it_starts() -> None:
    assert starting_line({AnswerStatus.UNKNOWN: 9, AnswerStatus.RESOLVED: 1}, 18) == (
        "starting: 10 domains: 9 unknown, 1 resolved; 18 DNS queries still to send"
    )
    assert starting_line({}, 0) == "starting: 0 domains; running the first full audit"
