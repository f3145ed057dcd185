"""Names whose answers rotate through subsets of their addresses: the union over a window.

An address that is missing from one answer and back in a later one has not gone. It takes such a
return to tell a rotation from a change; a change counts at once.
"""

from __future__ import annotations

from typing import NamedTuple

from lowatch.core.addresses import Address


class Rotation(NamedTuple):
    """missing: addresses that the latest answer lacks, with when each was last in one.

    until: how long the name is taken to rotate. Times are monotonic seconds.
    """

    missing: tuple[tuple[Address, float], ...] = ()
    until: float = 0.0


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
    if not rotation.missing and latest == before:
        return (STEADY if now >= rotation.until else rotation), latest
    last_seen = dict.fromkeys(before, before_at) | dict(rotation.missing)
    returned = any(address in latest for address, _ in rotation.missing)
    missing = tuple(
        (address, seen)
        for address, seen in last_seen.items()
        if address not in latest and now - seen <= window
    )
    until = now + window if returned else rotation.until
    if now >= until:
        return Rotation(missing), latest
    return Rotation(missing, until), tuple(sorted({*latest, *(address for address, _ in missing)}))
