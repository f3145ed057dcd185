"""Names with more addresses, or SRV records, than are looked at: which ones are. Pure.

Whoever owns one name that is watched could have it lead to 4,000 addresses, of 127.0.0.0/8 if need be,
which every host has. Each that leads here costs a question to the kernel, a series and perhaps an alert.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator

from lowatch.core.addresses import LOOPBACK_V4, LOOPBACK_V6, Address, Prefix, PrefixSet
from lowatch.core.limits.names import ADDRESSES_HERE_PER_NAME, ADDRESSES_PER_NAME, TARGETS_PER_SERVICE


def looked_at(
    found: tuple[Address, ...], known: Collection[Address], local: PrefixSet
) -> tuple[Address, ...]:
    """ADDRESSES_PER_NAME of the addresses found, sorted as those are; of this host's own fewer.

    What this host has comes first, but for loopback, which it has in any case; then what was looked at
    before, so that nothing changes that has not; then the others, loopback last. local: what this host
    has, as far as that is known.
    """
    here = {*_here(found, local)}
    chosen: dict[Address, None] = {}
    room_here = ADDRESSES_HERE_PER_NAME.value
    for one in _by_precedence(found, known, local):
        if len(chosen) == ADDRESSES_PER_NAME.value:
            break
        if one in chosen or (one in here and not room_here):
            continue
        chosen[one] = None
        room_here -= one in here
    return tuple(sorted(chosen))


def _here(found: tuple[Address, ...], local: PrefixSet) -> Iterator[Address]:
    """Those that this host has, loopback addresses too."""
    yield from inside(found, LOOPBACK_V4)
    yield LOOPBACK_V6.address
    yield from local.hosts_among(found)
    for prefix in local.networks():
        yield from inside(found, prefix)


def _by_precedence(
    found: tuple[Address, ...], known: Collection[Address], local: PrefixSet
) -> Iterator[Address]:
    loopback = {*inside(found, LOOPBACK_V4), LOOPBACK_V6.address}
    yield from sorted(local.hosts_among(found) - loopback)
    for prefix in local.networks():
        if not LOOPBACK_V4.covers(prefix.address):
            yield from inside(found, prefix)
    before = frozenset(known)
    yield from (one for one in found if one in before)
    yield from (one for one in found if one not in loopback)
    yield from found


def inside(addresses: tuple[Address, ...], prefix: Prefix) -> tuple[Address, ...]:
    """Of sorted addresses of the prefix's family those that it covers: a run of them."""
    first = int.from_bytes(prefix.address, "big")
    last = (first + prefix.size - 1).to_bytes(len(prefix.address), "big")
    return addresses[bisect_left(addresses, prefix.address) : bisect_right(addresses, last)]


def targets_looked_at(found: tuple[Address, ...], known: Collection[Address]) -> tuple[Address, ...]:
    """TARGETS_PER_SERVICE of the SRV records found: those followed already, then the first."""
    before = frozenset(known)
    chosen = sorted(found, key=lambda record: record not in before)  # stable
    return tuple(sorted(chosen[: TARGETS_PER_SERVICE.value]))
