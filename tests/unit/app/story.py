"""Audits and the findings' lives with them: www.example.com, on a host of its own."""

from __future__ import annotations

from lowatch.app.orphan_series import OrphanValues
from lowatch.core.addresses import Address, format_address, parse_address
from lowatch.core.audit import Audit, build_audit
from lowatch.core.clock import Now
from lowatch.core.findings import FindingKind
from lowatch.core.lifecycle import (
    Step,
    step,
)
from lowatch.core.policy import Policy
from tests.unit.app.scripted import (
    Watch,
    World,
    holds,
    policy_of,
    resolves,
    serves,
)

WWW, SHOP = "www.example.com", "shop.example.com"
VIP, SECOND = parse_address("192.0.2.10"), parse_address("192.0.2.20")
VIP6 = parse_address("2001:db8::10")


class Story(Watch):
    """Audits, and the findings' lives with them. No hold: what is found is announced."""

    def __init__(self, world: World, policy: Policy | None = None) -> None:
        super().__init__(world, policy or policy_of(serves("80"), hold=0.0))
        self.last = Step({}, ())
        self.orphans = OrphanValues()

    def look(self) -> Audit:
        tracked = (one.finding.subject for one in self.last.tracked.values())
        disputed = {one.domain for one in tracked if one.domain and one.kind is FindingKind.VIEWS_DISAGREE}
        snapshot, judgement = self.sweep(disputed)
        self.clock.monotonic += 30.0
        now = Now(self.clock.monotonic, 0.0)
        self.last = step(self.last.tracked, judgement, now, self.policy)
        self.orphans.update(snapshot, judgement)
        tracked_now, followed = self.last.tracked.values(), self.auditor.followed()
        return build_audit(snapshot, judgement, tracked_now, followed, self.clock.monotonic)

    @property
    def firing(self) -> list[str]:
        return sorted(self.last.tracked)

    @property
    def series(self) -> dict[tuple[Address, int], int]:
        return {(key.address, key.port.number): value for key, value in self.orphans.values.items()}


def world(*addresses: Address) -> World:
    """www resolves to these, all of them held (192.0.2.10 where none is given)."""
    resolved = addresses or (VIP,)
    return World(
        held={holds(f"{format_address(one)}/{len(one) * 8}") for one in resolved},
        answers={WWW: resolves(WWW, *resolved)},
    )


ORPHAN = "orphan-vip/lo/192.0.2.10/www.example.com/80/tcp"
