"""Which slots rest: names that lead elsewhere are asked for once per far_ttl, instead of at each TTL. Pure.

    a slot                                                         is asked for
    of a name that led to an address of this host, in any view     at its TTL
    that failed, or whose answer is in doubt (see slot_state.py)   as soon as without far_ttl
    with fewer than STEADY_ANSWERS equal answers in a row          at its TTL
    any, within SETTLED_AFTER_START or SETTLED_AFTER_ADDRESS       at its TTL
    whose TTL is longer than far_ttl                               at its TTL
    any other: it rests                                            once per far_ttl
    that rests, when an address is added, or local clients are     now, at half the rate limit
    refused at a held address and no known name leads there

An address that is added brings back the old pace for a while: caches may still have the old answer, and the
records of an address are often changed minutes after it was added.
"""

from __future__ import annotations

from collections.abc import Sequence

from lowatch.core.next_questions import Pace

from .name_table import NameTable
from .slot_state import JITTER
from .slots import Slots, is_aaaa, name_number

STEADY_ANSWERS = 3
"""A name whose servers hand out one address of several in turn has told so by then, as a rule."""
SETTLED_AFTER_START = 120.0
SETTLED_AFTER_ADDRESS = 600.0
RESTING = 255
"""The value of Slots.calm for a slot that rests."""
_LOOKED_AT = 4096
"""How many slots take() passes over at a time that are not wanted: half a millisecond."""


def pace_of(slots: Slots, slot: int) -> Pace:
    """How often a slot is asked for now."""
    if slots.calm[slot] == RESTING:
        return Pace.FAR
    return Pace.RETRY if slots.has_failed(slot) else Pace.TTL


class FarSlots:
    """Keeps Slots.calm. far_ttl: seconds; 0 while no slot may rest. Times are monotonic seconds."""

    def __init__(self, names: NameTable, now: float) -> None:
        self._names = names
        self._calm = names.slots.calm
        self._settled_at = now + SETTLED_AFTER_START
        self._wanted: list[bool] = []
        self._next = 0
        self.far_ttl = 0.0

    @property
    def waking(self) -> bool:
        """Whether take() may have more to return."""
        return bool(self._wanted)

    def due(self, slot: int, due: float, now: float, jitter: float) -> float:
        """When to ask for a slot next that repeated its answer. due: as by its TTL. jitter: from [0, 1).

        Never later than `due` or far_ttl from now, whichever is later. When a slot begins to rest, that is
        spread over far_ttl, because names are mostly followed, and so asked for, at the same time.
        """
        calm = self._calm
        answers = calm[slot]
        if answers < STEADY_ANSWERS:
            answers = calm[slot] = answers + 1
        latest = now + self.far_ttl
        if (
            answers < STEADY_ANSWERS
            or latest <= due
            or now < self._settled_at
            or self._names.is_near(name_number(slot))
        ):
            if answers == RESTING:
                calm[slot] = STEADY_ANSWERS
            return due
        if answers == RESTING:
            return max(due, latest - JITTER * jitter * self.far_ttl)
        calm[slot] = RESTING
        return due + jitter * (latest - due)

    def stir(self, slot: int, answers: int = 0) -> None:
        """The slot gave another answer, which is the first one like it, or (0) it failed or is in doubt."""
        self._calm[slot] = answers

    def is_resting(self, slot: int) -> bool:
        return self._calm[slot] == RESTING

    def stir_all(self, now: float) -> None:
        """The nameservers changed, or the host was suspended. The caller asks for all slots again."""
        self._calm[:] = bytes(len(self._calm))
        self._settled_at = max(self._settled_at, now + SETTLED_AFTER_START)
        self._wanted = []

    def address_added(self, now: float, *, v4: bool, v6: bool) -> None:
        """Look again, and let no slot begin to rest for a while."""
        self._settled_at = max(self._settled_at, now + SETTLED_AFTER_ADDRESS)
        self.look_again(v4=v4, v6=v6)

    def look_again(self, *, v4: bool, v6: bool) -> None:
        """take() returns the slots that rest now and may lead to an address of these families."""
        self._wanted = [aaaa for aaaa in (False, True) if (v6 if aaaa else v4) or aaaa in self._wanted]
        self._next = 0

    def take(self, count: int) -> Sequence[int]:
        """Up to `count` slots that rested, to be asked for now, each A before any AAAA."""
        taken: list[int] = []
        looked_at = 0
        while self._wanted and len(taken) < count and looked_at < _LOOKED_AT:
            slot = self._calm.find(RESTING, self._next)
            if slot < 0:
                self._wanted.pop(0)
                self._next = 0
                continue
            self._next = slot + 1
            looked_at += 1
            if self._is_wanted(slot):
                self._calm[slot] = 0
                taken.append(slot)
        return taken

    def _is_wanted(self, slot: int) -> bool:
        """SRV records are asked for with the A records: their targets may have addresses of any family."""
        if self._names.is_srv(name_number(slot)):
            return True
        return is_aaaa(slot) == self._wanted[0]
