"""Asks for the names that rest, a few at a time, because one of them may lead to this host now."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from math import ceil
from typing import Protocol

from lowatch.core.addresses import Address, Prefix, host_length, is_link_local, prefix_of
from lowatch.core.clock import Clock
from lowatch.core.held import Held
from lowatch.core.known import Known, Unknown
from lowatch.resolve.records.far_slots import FarSlots

EVERY = 0.1
"""Seconds between two of its turns."""
REFUSED_EVERY = 600.0
"""Seconds, at least, between two rounds because clients were refused, which any user can be."""


class HeldAddresses:
    """Which addresses and local prefixes the watched interfaces hold."""

    def __init__(self) -> None:
        self._held: Known[tuple[Held, ...]] | Unknown | None = None
        self._known: frozenset[_Key] | None = None

    def replace(self, held: Known[tuple[Held, ...]] | Unknown) -> Sequence[Prefix]:
        """The prefixes that were added. The first call has nothing to compare with: none was.

        Nothing is added while it is unknown what is held. Link-local addresses, which come with each
        interface, are in no DNS.
        """
        if held is self._held or isinstance(held, Unknown):
            return ()
        self._held, before = held, self._known
        self._known = frozenset((one.address, one.prefixlen, one.peer) for one in held.value)
        added = () if before is None else self._known - before
        return [prefix for key in added if not is_link_local(key[0]) for prefix in _prefixes(*key)]


_Key = tuple[Address, int, Address | None]


def _prefixes(address: Address, length: int, peer: Address | None) -> set[Prefix]:
    return {Prefix(address, host_length(address)), prefix_of(peer or address, length)}


class Asking(Protocol):
    """The session."""

    @property
    def has_backlog(self) -> bool:
        """Whether slots that are due have not been queried yet."""

    @property
    def half_the_pace(self) -> float:
        """Half the queries per second that are allowed."""

    def ask_idle(self, slots: Iterable[int]) -> None:
        """Query these now, unless they are being queried or wait to be."""


class FarSweep:
    """Slots that are due come first: while some wait, a turn asks for one slot only."""

    def __init__(self, far: FarSlots, asking: Asking, clock: Clock) -> None:
        self._far = far
        self._asking = asking
        self._clock = clock
        self._refused: set[bool] = set()
        """Families, by whether it is IPv4, of the addresses where clients were refused."""
        self._refused_round_at = float("-inf")
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def address_added(self, *, v4: bool, v6: bool) -> None:
        self._far.address_added(self._clock.now().monotonic, v4=v4, v6=v6)
        self._begin()

    def clients_refused(self, *, v4: bool) -> None:
        """Local clients are refused at an address, and no known name leads there."""
        self._refused.add(v4)
        self.look_around()

    def look_around(self) -> None:
        """Begin the round that clients who were refused wait for, if the last one is long enough ago."""
        now = self._clock.now().monotonic
        if self._refused and now >= self._refused_round_at + REFUSED_EVERY:
            self._refused_round_at = now
            self._far.look_again(v4=True in self._refused, v6=False in self._refused)
            self._refused.clear()
            self._begin()

    def _begin(self) -> None:
        if self._timer is None:
            self._turn()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _turn(self) -> None:
        self._timer = None
        count = 1 if self._asking.has_backlog else ceil(self._asking.half_the_pace * EVERY)
        self._asking.ask_idle(self._far.take(count))
        if self._far.waking:
            self._timer = self._loop.call_later(EVERY, self._turn)
