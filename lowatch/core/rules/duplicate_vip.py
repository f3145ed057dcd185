"""duplicate-vip: an address is on a watched interface and on another one, or failed DAD (RFC 4862, 5.4).

Sources: docs/internals/cases.md 21; docs/internals/kernel.md (Addresses held twice): taking an address off
one of two interfaces leaves it local.

Not reported, because they are meant to be alike: addresses of different VRFs, loopback and link-local
addresses, and the address that a point-to-point interface borrows from another one: it has a peer.
"""

from __future__ import annotations

from collections.abc import Iterable

from lowatch.core.addresses import format_address, is_link_local, is_loopback, parse_prefix
from lowatch.core.findings import Finding, FindingKind, Subject, Undecided
from lowatch.core.held import Held, Twins
from lowatch.core.known import Unknown
from lowatch.core.policy import Policy
from lowatch.core.snapshot import Snapshot

_FAILED = "dadfailed"
_LINK_LOCAL_V4 = parse_prefix("169.254.0.0/16")
_SHOWN = 3
"""Other interfaces named in a message."""


def duplicate_vip(snapshot: Snapshot, _policy: Policy) -> Iterable[Finding | Undecided]:
    """One finding for each address, under the name of a watched interface that holds it."""
    for observed in (snapshot.held, snapshot.twins):
        if isinstance(observed, Unknown):
            yield Undecided(FindingKind.DUPLICATE_VIP, observed.reason)
            return
    assert not isinstance(snapshot.held, Unknown)
    assert not isinstance(snapshot.twins, Unknown)
    reported = set()
    for holders in map(_comparable, snapshot.twins.value):
        if len({one.interface for one in holders}) > 1:
            reported.add(holders[0].address)
            yield _twice(holders)
    for held in snapshot.held.value:
        if held.flags and _is_failed_vip(held) and held.address not in reported:
            reported.add(held.address)
            yield _failed(held)


def _is_failed_vip(held: Held) -> bool:
    return _FAILED in held.flags and not is_link_local(held.address)


def _comparable(twins: Twins) -> Twins:
    """Those that have the address in their own right; () where it may be on every link."""
    address = twins[0].address
    if is_loopback(address) or is_link_local(address) or _LINK_LOCAL_V4.covers(address):
        return ()
    return () if twins[0].peer is not None else tuple(one for one in twins if one.peer is None)


def _twice(holders: Twins) -> Finding:
    first, *rest = holders
    others = [one for one in rest if one.interface != first.interface]
    more = f" and {len(others) - _SHOWN:,} more" if len(others) > _SHOWN else ""
    listed = ", ".join(map(_described, others[:_SHOWN]))
    what = f"{_described(first)} and on {listed}{more}"
    failed = [one.interface for one in holders if _FAILED in one.flags]
    if failed:
        effect = f"on {failed[0]} {_FAILURE}"
        advice = f"{_FIND_OTHER}, then take it off all interfaces but one"
    else:
        effect = (
            "taken off one of them, it stays local, and whoever looks after one may not know of the other"
        )
        advice = "find out who added each, and take it off where it does not belong"
    message = f"{format_address(first.address)} is on {what}: {effect}"
    return _finding(first, message, advice)


def _described(held: Held) -> str:
    """As in: eth0 (/24, lo:0, proto 18)."""
    details = (f"/{held.prefixlen}", held.label if held.label != held.interface else None, held.origin)
    return f"{held.interface} ({', '.join(detail for detail in details if detail)})"


_FAILURE = "duplicate address detection failed, because another host on that link has it"
_FIND_OTHER = "the kernel's log has the link-layer address of the other host"


def _failed(held: Held) -> Finding:
    return _finding(
        held,
        f"{format_address(held.address)} is on {_described(held)}, but {_FAILURE}: this host does not "
        "use it",
        f"{_FIND_OTHER}; take the address off one of the two",
    )


def _finding(held: Held, message: str, advice: str) -> Finding:
    subject = Subject(FindingKind.DUPLICATE_VIP, held.interface, held.address)
    return Finding(subject, message, advice=f"no command is offered: {advice}")
