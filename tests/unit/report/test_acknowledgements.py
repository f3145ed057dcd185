from __future__ import annotations

from lowatch.core.addresses import parse_port, parse_prefix
from lowatch.core.findings import FindingKind
from lowatch.core.lifecycle import FindingState
from lowatch.core.policy import Acknowledgement
from lowatch.report.acknowledgements import Idle, acknowledgement_row, idle
from tests.unit.report.audit_worlds import NOW, UNTIL, orphan, tracked

IN_USE = Acknowledgement(UNTIL, "known", FindingKind.ORPHAN_VIP)
UNUSED = Acknowledgement(UNTIL, "spare", "idle-vip", "lo", parse_prefix("192.0.2.0/24"))
EXPIRED = Acknowledgement(NOW, "gone\x1b[31m", domain="*.example.com", port=parse_port("443"))
ACCEPTED = orphan(
    "a.example.com", "192.0.2.10", "80/tcp", state=FindingState.ACKNOWLEDGED, because=IN_USE.reason
)


def test_those_without_effect() -> None:
    firing = tracked(FindingKind.IDLE_VIP, "idle", address="198.51.100.1")
    assert idle([UNUSED, EXPIRED, IN_USE, UNUSED], [ACCEPTED, firing], NOW) == ([EXPIRED], [UNUSED])
    assert idle([EXPIRED], [], NOW - 1) == ([], [EXPIRED])
    assert idle([], [ACCEPTED], NOW) == ([], [])


def test_they_are_a_line_each() -> None:
    assert Idle([EXPIRED], [UNUSED]).lines() == [
        "expired: domain *.example.com, port 443/tcp, until 2026-11-23T03:12:07Z: gone\\x1b[31m",
        "unused: idle-vip, interface lo, address 192.0.2.0/24, until 2026-11-30T23:00:00Z: spare",
    ]


def test_a_row_has_every_key() -> None:
    assert acknowledgement_row(UNUSED) == {
        "kind": "idle-vip",
        "interface": "lo",
        "address": "192.0.2.0/24",
        "domain": None,
        "port": None,
        "until": "2026-11-30T23:00:00Z",
        "reason": "spare",
    }
