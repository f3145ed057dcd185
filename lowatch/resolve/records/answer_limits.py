"""Which addresses, or SRV records, of a name count when it has more than the limit. Pure.

The owner of a single watched name could point it at 4,000 addresses, even in 127.0.0.0/8, which every host
has. Each local address costs a kernel request, a series and perhaps an alert.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator

from lowatch.core.addresses import LOOPBACK_V4, LOOPBACK_V6, Address, Prefix, PrefixSet
from lowatch.core.limits.names import ADDRESSES_HERE_PER_NAME, ADDRESSES_PER_NAME, TARGETS_PER_SERVICE


def addresses_within_limit(
    found: tuple[Address, ...], known: Collection[Address], local: PrefixSet
) -> tuple[Address, ...]:
    """Up to ADDRESSES_PER_NAME of the addresses, and of those up to ADDRESSES_HERE_PER_NAME local ones.

    Addresses of this host come first, except loopback, which every host has. Then come the known ones, so
    that an unchanged answer keeps its addresses, then the others, and loopback last. found: sorted, as is
    the result. local: the prefixes of this host, as far as they are known.
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
    """The addresses of this host, with loopback."""
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
    """The addresses that a prefix covers. addresses: sorted, of the prefix's family."""
    first = int.from_bytes(prefix.address, "big")
    last = (first + prefix.size - 1).to_bytes(len(prefix.address), "big")
    return addresses[bisect_left(addresses, prefix.address) : bisect_right(addresses, last)]


def srv_records_within_limit(found: tuple[Address, ...], known: Collection[Address]) -> tuple[Address, ...]:
    """Up to TARGETS_PER_SERVICE of the SRV records: those already followed, then the first ones."""
    before = frozenset(known)
    chosen = sorted(found, key=lambda record: record not in before)  # stable
    return tuple(sorted(chosen[: TARGETS_PER_SERVICE.value]))
