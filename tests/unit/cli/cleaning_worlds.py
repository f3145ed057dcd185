"""Audits before and after a cleaning, and the addresses that it is about."""

from __future__ import annotations

from lowatch.core.addresses import parse_address, parse_port
from lowatch.core.changes.rows import AddressRow
from lowatch.core.findings import Action, Finding, FindingKind, Fix, Subject
from lowatch.core.held import Held
from lowatch.core.lifecycle import FindingState, Tracked
from lowatch.core.plan import Step
from lowatch.core.verdicts import Verdict
from tests.unit.report.audit_worlds import NOW, audit, endpoint

VIP, OTHER = parse_address("192.0.2.10"), parse_address("192.0.2.11")
LO, ROW, KEPT = (
    AddressRow("lo", address, length)
    for address, length in ((parse_address("127.0.0.1"), 8), (VIP, 32), (OTHER, 32))
)


def orphan(state: FindingState = FindingState.FIRING) -> Tracked:
    """One whose address may go."""
    subject = Subject(FindingKind.ORPHAN_VIP, "lo", VIP, "www.example.com", parse_port("80/tcp"))
    command = "ip address del 192.0.2.10/32 dev lo"
    fix = Fix(Action.REMOVE, "remove it", (command,), plan=(Step("remove", Held(VIP, 32, "lo")),))
    return Tracked(Finding(subject, "nothing listens there", fixes=(fix,)), state, NOW, 0.0)


HELD = tuple(Held(row.address, row.prefixlen, "lo") for row in (LO, ROW, KEPT))
SERVED = endpoint("api.example.com", "192.0.2.11", "80/tcp", Verdict.SERVED)
BEFORE = audit([orphan()], held=HELD, endpoints=(SERVED,))
AFTER = audit([], held=(HELD[0], HELD[2]), endpoints=(SERVED,))
HARM = audit([], held=(HELD[0], HELD[2]))
