"""Names whose answers rotate through subsets of their addresses: the union over a window counts.

A change counts at once: a new answer replaces the old one. A rotation is recognised when addresses come
back twice within a few answers. Each name has a score:

    the latest answer                                     score
    swaps addresses, and a missing one is back            + RETURN, at most MOST
    equals the one before                                 - 1, at least 0
    anything else (all new, more of them, fewer)          unchanged

A name with a score of PROVEN or more rotates, and has all addresses of the window. Addresses R, V, R are
one return: a failover that ended. R, V, R, V are two returns: a rotation, until two answers in a row are
equal.
"""

from __future__ import annotations

from collections.abc import Set
from typing import NamedTuple

from lowatch.core.addresses import Address
from lowatch.core.limits.names import ADDRESSES_HERE_PER_NAME

RETURN, PROVEN, MOST = 2, 3, 8


class Rotation(NamedTuple):
    """missing: addresses that the latest answer lacks, with when each was last in one (monotonic seconds).

    It is bounded, so that all addresses of the name stay within ADDRESSES_HERE_PER_NAME.
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
    """What to remember, and the addresses of the name, after the answer `latest`.

    before, before_at: its addresses until now, and the time of its last answer. window: seconds.
    """
    if now - before_at > window or (rotation == STEADY and latest == before):
        return STEADY, latest
    absent, current = dict(rotation.missing), set(latest)
    previous = set(before).difference(absent)
    score = _score(rotation.score, previous, current, absent.keys())
    seen = [
        (address, at) for address, at in absent.items() if address not in current and now - at <= window
    ]
    seen += [(address, before_at) for address in before if address in previous and address not in current]
    seen.sort(key=lambda one: one[1])  # stable: equally old addresses stay in order
    room = max(0, ADDRESSES_HERE_PER_NAME.value - len(latest))
    after = Rotation(tuple(seen[max(0, len(seen) - room) :]), score)
    if not after.is_proven:
        return after, latest
    return after, tuple(sorted(current.union(address for address, _ in after.missing)))


def _score(score: int, previous: set[Address], current: set[Address], absent: Set[Address]) -> int:
    """The score after an answer. absent: the addresses seen before the previous answer, but not in it."""
    if current == previous:
        return max(score - 1, 0)
    swapped = not (current <= previous or current >= previous)
    return min(score + RETURN, MOST) if swapped and not current.isdisjoint(absent) else score
