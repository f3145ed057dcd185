"""Findings as they are kept across a restart."""

from __future__ import annotations

from lowatch.core.addresses import parse_address, parse_port
from lowatch.core.findings import Finding, FindingKind, Subject
from lowatch.core.lifecycle import FindingState, Remembered, Tracked

SINCE = 1795403527.25
ORPHAN = Tracked(
    Finding(
        Subject(
            FindingKind.ORPHAN_VIP,
            "lo",
            parse_address("192.0.2.10"),
            "www.example.com",
            parse_port("443/tcp"),
        ),
        "nothing listens",
        ("ip address del 192.0.2.10/32 dev lo",),
    ),
    FindingState.FIRING,
    SINCE,
    5.0,
    announced=True,
)
PENDING = Tracked(
    Finding(Subject(FindingKind.WIDE_PREFIX, "lo", parse_address("10.0.0.0"), prefixlen=8), "too wide"),
    FindingState.PENDING,
    SINCE + 1,
    5.0,
)
TWO = {one.finding.subject.key: one for one in (ORPHAN, PENDING)}


def remembered(*tracked: Tracked) -> list[Remembered]:
    """What load() is to give for these."""
    in_order = sorted(tracked, key=lambda one: one.finding.subject.key)
    return [
        Remembered(
            one.finding,
            one.since,
            one.announced,
            acknowledged=one.state is FindingState.ACKNOWLEDGED,
        )
        for one in in_order
    ]


TWO_LOADED = remembered(ORPHAN, PENDING)
RECORD = {
    "kind": "orphan-vip",
    "interface": "lo",
    "address": "192.0.2.10",
    "domain": "www.example.com",
    "port": 443,
    "protocol": "tcp",
    "prefixlen": None,
    "message": "nothing listens",
    "fix": ["ip address del 192.0.2.10/32 dev lo"],
    "since": SINCE,
    "announced": True,
    "state": "firing",
}
