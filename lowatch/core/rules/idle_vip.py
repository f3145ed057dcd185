"""idle-vip: an address is held that no known domain resolves to, and that no socket or IPVS service serves.

Source: docs/internals/cases.md 6 (addresses that pile up over configuration reloads).
"""

from __future__ import annotations

from collections.abc import Iterable

from lowatch.core.addresses import family_name, format_address, is_link_local, is_loopback
from lowatch.core.findings import Action, Change, Finding, FindingKind, Subject, Undecided
from lowatch.core.known import Known, Unknown
from lowatch.core.listeners import MARKED
from lowatch.core.policy import Policy
from lowatch.core.snapshot import Snapshot
from lowatch.core.views import is_unheard
from lowatch.core.words import rfc3339


def idle_vip(snapshot: Snapshot, policy: Policy) -> Iterable[Finding | Undecided]:
    """Nothing is certainly idle while an answer is unknown, because its domain may resolve to any address.

    Nor if the domains were named on the command line, because others are not looked up.
    """
    if not policy.names_complete:
        return
    for observed in (snapshot.held, snapshot.sockets):
        if isinstance(observed, Unknown):
            yield Undecided(FindingKind.IDLE_VIP, observed.reason)
            return
    assert not isinstance(snapshot.held, Unknown)
    assert not isinstance(snapshot.sockets, Unknown)
    sockets = snapshot.sockets.value
    expected = frozenset(policy.expect)
    candidates = [
        held
        for held in snapshot.held.value
        if held.address not in snapshot.referenced  # first: so are nearly all of ten thousand
        and held.address not in sockets.bound
        and held.address not in sockets.virtual
        and (held.by == "address" or held.prefix.is_host)  # wide-prefix reports an AnyIP prefix
        and not is_loopback(held.address)
        and not is_link_local(held.address)
        and held.address not in expected
    ]
    if candidates and sockets.wildcards:  # a listener on all addresses serves an expected port there, too
        ports = policy.expected_ports | snapshot.srv_ports
        served = {family for family, port in sockets.wildcards if port in ports}
        candidates = [held for held in candidates if family_name(held.address) not in served]
    reason = _why_uncertain(snapshot, policy) if candidates else ""
    if reason:
        yield Undecided(FindingKind.IDLE_VIP, reason)
        return
    for held in candidates:
        age = held.age(snapshot.uptime)
        since = "" if age is None else f" since {rfc3339(snapshot.at - age)}"
        yield Finding(
            Subject(FindingKind.IDLE_VIP, held.interface, held.address),
            f"{format_address(held.address)} has been on {held.interface}{since}, but no configured domain "
            "resolves to it and no socket is bound to it: left behind?",
            proposed=Change(Action.REMOVE, held),
        )


def _why_uncertain(snapshot: Snapshot, policy: Policy) -> str:
    """Why any address may be in use: some domain may resolve to it, mostly; "" if all are known."""
    if policy.left_out:
        return "some configured domains could not be read"
    if isinstance(snapshot.sockets, Known) and snapshot.sockets.value.marked:
        return MARKED
    if snapshot.overlooked:
        return snapshot.overlooked
    unheard = next((name for name, other in snapshot.unsure.items() if is_unheard(other)), None)
    if unheard is not None and unheard not in snapshot.unresolved:
        return f"what applications get for {unheard} is unknown"
    if not snapshot.unresolved:
        return ""
    more = len(snapshot.unresolved) - 1
    return f"{next(iter(snapshot.unresolved))}{f' and {more:,} more are' if more else ' is'} unknown"
