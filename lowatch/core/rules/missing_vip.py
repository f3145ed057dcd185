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
    interface = _where_to_add(snapshot, policy)
    for address in policy.expect:
        if address in present or any(prefix.covers(address) for prefix in routes):
            continue
        yield Finding(
            Subject(FindingKind.MISSING_VIP, address=address),
            f"{format_address(address)} is expected on this host, but is not on "
            f"{', '.join(policy.interfaces)}",
            advice="" if interface else "no command is offered: no watched interface exists",
            proposed=Change(Action.ADD, Held(address, host_length(address), interface))
            if interface
            else None,
        )


def _where_to_add(snapshot: Snapshot, policy: Policy) -> str:
    """The first interface that is watched by its own name, or else by a glob; "" if none exists.

    On any other one the address would still be missing.
    """
    links = () if isinstance(snapshot.links, Unknown) else snapshot.links.value
    names = [link.name for link in links]
    return next((name for name in (*policy.interfaces, *names) if name in names), "")
