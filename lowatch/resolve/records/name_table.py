"""The followed names, by number, and their slots.

A name is followed because it is configured, or because it is wanted: as the target of an SRV record of a
configured name, or to detect a DNS64. Slot 2n holds the A records of name n (for an SRV name: its SRV
records). Slot 2n + 1 holds its AAAA records (unused for an SRV name).

Where reverse names are asked for PTR records, these are treated like SRV records without a port.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from random import Random
from typing import NamedTuple

from lowatch.core.policy import is_reverse_name, is_srv_name
from lowatch.wire.dns import RRType, encode_name

from .slot_state import SlotState
from .slots import NEVER, Slots, a_slot, aaaa_slot, both_slots, is_aaaa, name_number

_A, _AAAA, _SRV, _PTR = (
    rrtype.to_bytes(2, "big") + b"\0\1" for rrtype in (RRType.A, RRType.AAAA, RRType.SRV, RRType.PTR)
)

_CONFIGURED, _IS_SRV = 1, 2
_UNASKED = (4, 8)  # the A or SRV, the AAAA
_NEAR = 16


def question_of(slot: int, name: bytes) -> bytes:
    """The question section for a slot. name: the question section for the A slot of the same name."""
    return name[: -len(_AAAA)] + _AAAA if is_aaaa(slot) else name


class Configured(NamedTuple):
    """How the set of configured names has changed, by number.

    added, gone: newly configured, and no longer configured. fresh: those of `added` that were not followed.
    """

    added: list[int]
    fresh: list[int]
    gone: list[int]


class NameTable:
    """The followed names.

    slots: what is known about each name. all_asked: set while every slot has been queried at least once.
    questions: by number, the question section for slot 2n. It is the same object for as long as the name is
    followed: a reply to another object is no longer wanted. unasked: how many slots were never queried.
    """

    def __init__(self, *, ptr: bool = False) -> None:
        """ptr: whether reverse names are asked for PTR records, and not for addresses."""
        self._ptr = ptr
        self.slots = Slots()
        self.all_asked = asyncio.Event()
        self.all_asked.set()
        self._numbers: dict[str, int] = {}
        self._texts: list[str] = []
        self.questions: list[bytes] = []
        self._flags = bytearray()
        self._free: list[int] = []
        self._wanted: dict[int, int] = {}
        self.unasked = 0

    def number_of(self, text: str) -> int | None:
        """The number of a followed name, configured or not; None if it is not followed."""
        return self._numbers.get(text)

    def text_of(self, number: int) -> str:
        return self._texts[number]

    def is_configured(self, number: int) -> bool:
        return bool(self._flags[number] & _CONFIGURED)

    def is_srv(self, number: int) -> bool:
        """Whether its records name other names: SRV, or PTR."""
        return bool(self._flags[number] & _IS_SRV)

    def is_near(self, number: int) -> bool:
        """Whether the name has led to an address of this host since it is followed, in any view."""
        return bool(self._flags[number] & _NEAR)

    def keep_near(self, number: int) -> None:
        """The name leads to an address of this host."""
        self._flags[number] |= _NEAR

    def configured(self) -> Iterator[int]:
        return (number for number, flags in enumerate(self._flags) if flags & _CONFIGURED)

    def slots_of(self, number: int) -> tuple[int, ...]:
        """The slots of a name that are queried."""
        return (a_slot(number),) if self.is_srv(number) else both_slots(number)

    def all_slots(self) -> array[int]:
        """All slots that are queried: every A before any AAAA, because most clients use the A."""
        followed = [number for number, text in enumerate(self._texts) if text]
        found = array("I", map(a_slot, followed))
        found.extend(aaaa_slot(number) for number in followed if not self.is_srv(number))
        return found

    def configure(self, domains: Collection[str]) -> Configured:
        """Replace the configured names with these."""
        gone = [number for number in self.configured() if self._texts[number] not in domains]
        added, fresh = [], []
        for text in domains:
            number = self._numbers.get(text)
            if number is None or not self.is_configured(number):
                if number is None:
                    number = self._follow(text)
                    fresh.append(number)
                self._flags[number] |= _CONFIGURED
                added.append(number)
        for number in gone:
            self._flags[number] &= ~_CONFIGURED
        return Configured(added, fresh, gone)

    def want(self, text: str) -> int:
        """Follow a name that another name depends on, until unwant(). Returns its number."""
        number = self._follow(text)
        self._wanted[number] = self._wanted.get(number, 0) + 1
        return number

    def unwant(self, number: int) -> None:
        left = self._wanted.pop(number) - 1
        if left:
            self._wanted[number] = left

    def is_followed(self, number: int) -> bool:
        return self.is_configured(number) or number in self._wanted

    def release(self, number: int) -> None:
        """Forget a name that is no longer followed. Its number can be reused."""
        for slot in self.slots_of(number):
            self.note_asked(slot)
        for slot in both_slots(number):
            self.slots.due[slot] = NEVER
            self.slots.calm[slot] = 0
            self.slots.store(slot, SlotState())
        del self._numbers[self._texts[number]]
        self._texts[number], self.questions[number], self._flags[number] = "", b"", 0
        self._free.append(number)

    def note_asked(self, slot: int) -> None:
        """The slot has been queried, with any outcome."""
        bit, number = _UNASKED[is_aaaa(slot)], name_number(slot)
        if self._flags[number] & bit:
            self._flags[number] &= ~bit
            self.unasked -= 1
            if not self.unasked:
                self.all_asked.set()

    def _follow(self, text: str) -> int:
        number = self._numbers.get(text)
        if number is not None:
            return number
        number = self._numbers[text] = self._free.pop() if self._free else self._grow()
        self._texts[number] = text
        rrtype = self._type_of(text)
        self.questions[number] = encode_name(text) + rrtype
        flags = _UNASKED[0] | (_UNASKED[1] if rrtype == _A else _IS_SRV)
        self._flags[number] = flags
        self.unasked += 1 if flags & _IS_SRV else 2
        self.all_asked.clear()
        return number

    def _type_of(self, text: str) -> bytes:
        """The TYPE and CLASS that slot 2n is asked for."""
        if self._ptr and is_reverse_name(text):
            return _PTR
        return _SRV if is_srv_name(text) else _A

    def _grow(self) -> int:
        self.slots.grow()
        self.slots.grow()
        self._texts.append("")
        self.questions.append(b"")
        self._flags.append(0)
        return len(self._texts) - 1

    def slots_with_failures(self, random: Random) -> Iterable[int]:
        """The slots whose last lookup failed, starting at a random one, so that none is always last."""
        count = len(self.slots)
        first = random.randrange(count) if count else 0
        return (slot for slot in chain(range(first, count), range(first)) if self.slots.has_failed(slot))
