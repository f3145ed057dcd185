"""black-hole-prefix: an IPv6 prefix on a watched interface swallows packets for its neighbours.

Source: docs/internals/kernel.md (What is local): an IPv6 /64 on lo adds a unicast route through lo, so
connects to the neighbours time out. Unlike in IPv4, it makes none of them local. On an
interface that can have neighbours, the same route leads to them.
"""

from __future__ import annotations

from collections.abc import Iterable

from lowatch.core.addresses import format_address
from lowatch.core.findings import Action, Change, Finding, FindingKind, Subject, Undecided
from lowatch.core.known import Unknown
from lowatch.core.policy import Policy
from lowatch.core.snapshot import Snapshot


def black_hole_prefix(snapshot: Snapshot, _policy: Policy) -> Iterable[Finding | Undecided]:
    if isinstance(snapshot.black_holes, Unknown):
        yield Undecided(FindingKind.BLACK_HOLE_PREFIX, snapshot.black_holes.reason)
        return
    for hole in snapshot.black_holes.value:
        cause = hole.cause
        yield Finding(
            Subject(
                FindingKind.BLACK_HOLE_PREFIX,
                hole.interface,
                hole.prefix.address,
                prefixlen=hole.prefix.length,
            ),
            f"{format_address(cause.address)}/{cause.prefixlen} on {hole.interface} routes all of "
            f"{hole.prefix} into {hole.interface}: connections to its other addresses time out",
            proposed=Change(Action.UNROUTE, cause),
        )
