"""missing-vip: an address that is expected here is not held. Source: docs/internals/cases.md 22."""

from __future__ import annotations

from collections.abc import Iterable

from lowatch.core.addresses import format_address, host_length
from lowatch.core.findings import Action, Change, Finding, FindingKind, Subject, Undecided
from lowatch.core.held import Held
from lowatch.core.known import Unknown
from lowatch.core.policy import Policy
from lowatch.core.snapshot import Snapshot


def missing_vip(snapshot: Snapshot, policy: Policy) -> Iterable[Finding | Undecided]:
    if isinstance(snapshot.held, Unknown):
        yield Undecided(FindingKind.MISSING_VIP, snapshot.held.reason)
        return
    present = {held.address for held in snapshot.held.value if held.by == "address"}
    routes = [held.prefix for held in snapshot.held.value if held.by == "route"]
    interface = next((name for name in policy.interfaces if not set(name) & set("*?[")), "lo")
    for address in policy.expect:
        if address in present or any(prefix.covers(address) for prefix in routes):
            continue
        yield Finding(
            Subject(FindingKind.MISSING_VIP, address=address),
            f"{format_address(address)} is expected on this host, but is not on "
            f"{', '.join(policy.interfaces)}",
            proposed=Change(Action.ADD, Held(address, host_length(address), interface)),
        )
