"""Names whose answers rotate through subsets of their addresses: the union over a window.

A change counts at once: an answer that replaces another is the answer. A rotation shows itself by coming
back, and back again, within a few answers. What is known of a name is a score:

    the latest answer                                     score
    swaps addresses, and one that was missing is back     + RETURN, at most MOST
    repeats the one before                                - 1, at least 0
    anything else (all new, more of them, fewer)          as before

From PROVEN on the name rotates, and has the addresses of the window. There and back (R, V, R) is one
return: a failover that ended. There and back and there (R, V, R, V) are two: a rotation, until it stands
still for two answers.
"""

from __future__ import annotations

from collections.abc import Set
from typing import NamedTuple

from lowatch.core.addresses import Address
from lowatch.core.limits.names import ADDRESSES_HERE_PER_NAME

RETURN, PROVEN, MOST = 2, 3, 8


class Rotation(NamedTuple):
    """missing: addresses that the latest answer lacks, with when each was last in one (monotonic seconds).

    No more of them than would make the name's addresses too many: what changes wholly each time does not
    grow.
    """

    missing: tuple[tuple[Address, float], ...] = ()
    score: int = 0

    @property
    def is_proven(self) -> bool:
        return self.score >= PROVEN


STEADY = Rotation()


def combine(
    rotation: Rotation,
    before: tuple[Address, ...],
    latest: tuple[Address, ...],
    *,
    before_at: float,
    now: float,
    window: float,
) -> tuple[Rotation, tuple[Address, ...]]:
    """What to remember, and the addresses the name has, after an answer of `latest`.

    before, before_at: the addresses it had until now, and when it last answered. window: seconds.
    """
    if now - before_at > window or (rotation == STEADY and latest == before):
        return STEADY, latest
    absent, given = dict(rotation.missing), set(latest)
    last = set(before).difference(absent)
    score = _score(rotation.score, last, given, absent.keys())
    seen = [(address, at) for address, at in absent.items() if address not in given and now - at <= window]
    seen += [(address, before_at) for address in before if address in last and address not in given]
    seen.sort(key=lambda one: one[1])  # stable: equally old ones stay in order
    room = max(0, ADDRESSES_HERE_PER_NAME.value - len(latest))
    after = Rotation(tuple(seen[max(0, len(seen) - room) :]), score)
    if not after.is_proven:
        return after, latest
    return after, tuple(sorted(given.union(address for address, _ in after.missing)))


def _score(score: int, last: set[Address], given: set[Address], absent: Set[Address]) -> int:
    """last, given: the addresses of the last answer and of the latest. absent: those seen before that."""
    if given == last:
        return max(score - 1, 0)
    swapped = not (given <= last or given >= last)
    return min(score + RETURN, MOST) if swapped and not given.isdisjoint(absent) else score
