"""idle-vip: an address is held that no known domain resolves to and no socket is bound to.

Source: facts/cases.md 6 (addresses that pile up over configuration reloads).
"""

from __future__ import annotations

from collections.abc import Iterable

from lowatch.core.addresses import format_address, is_link_local, is_loopback
from lowatch.core.elapsed import rfc3339
from lowatch.core.findings import Finding, Kind, Subject, Undecided
from lowatch.core.observed import Unknown
from lowatch.core.policy import Policy
from lowatch.core.snapshot import Snapshot

from .remedies import removal


def idle_vip(snapshot: Snapshot, policy: Policy) -> Iterable[Finding | Undecided]:
    """While any answer is unknown, its domain might resolve to any address: nothing is idle for sure."""
    for observed in (snapshot.held, snapshot.bound):
        if isinstance(observed, Unknown):
            yield Undecided(Kind.IDLE_VIP, observed.reason)
            return
    assert not isinstance(snapshot.held, Unknown)
    assert not isinstance(snapshot.bound, Unknown)
    expected = frozenset(policy.expect)
    candidates = [
        held
        for held in snapshot.held.value
        if (held.by == "address" or held.prefix.is_host)  # an AnyIP prefix is wide-prefix's matter
        and not is_loopback(held.address)
        and not is_link_local(held.address)
        and held.address not in snapshot.referenced
        and held.address not in snapshot.bound.value
        and held.address not in expected
    ]
    if candidates and snapshot.crowded:
        reason = f"{next(iter(snapshot.crowded))} has more addresses than are looked at"
        yield Undecided(Kind.IDLE_VIP, reason)
        return
    if candidates and snapshot.unresolved:
        more = len(snapshot.unresolved) - 1
        rest = f" and {more:,} more are" if more else " is"
        yield Undecided(Kind.IDLE_VIP, f"{next(iter(snapshot.unresolved))}{rest} unknown")
        return
    for held in candidates:
        age = held.age(snapshot.uptime)
        since = "" if age is None else f" since {rfc3339(snapshot.at - age)}"
        yield Finding(
            Subject(Kind.IDLE_VIP, held.interface, held.address),
            f"{format_address(held.address)} has been on {held.interface}{since}, but no configured domain "
            "resolves to it and no socket is bound to it: left behind?",
            (removal(held),),
        )
