"""The names followed, by number, and the slots that are theirs.

A name is followed because it is configured, or because somebody wants it: an SRV record of a configured
name that has it as its target, or the search for a DNS64. Slot 2n is the A of name n (of an SRV name:
its SRV records), slot 2n + 1 its AAAA (which an SRV name has not).
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from random import Random
from typing import NamedTuple

from lowatch.core.policy import is_srv_name
from lowatch.wire.dns import RRType, encode_name

from .slot_state import SlotState
from .slots import NEVER, Slots, a_slot, aaaa_slot, both_slots, is_aaaa, name_number

_A, _AAAA, _SRV = (rrtype.to_bytes(2, "big") + b"\0\1" for rrtype in (RRType.A, RRType.AAAA, RRType.SRV))

_CONFIGURED, _IS_SRV = 1, 2
_UNASKED = (4, 8)  # of the A or the SRV, of the AAAA


def question_of(slot: int, name: bytes) -> bytes:
    """The question section for a slot. name: the one for slot 2n, of which that for 2n + 1 is made."""
    return name[: -len(_AAAA)] + _AAAA if is_aaaa(slot) else name


class Configured(NamedTuple):
    """Numbers: of names that are configured now and were not before, and the reverse.

    fresh: of those added, the ones that nobody followed before.
    """

    added: list[int]
    fresh: list[int]
    gone: list[int]


class NameTable:
    """slots: what is known of each. all_asked: set while each slot has been asked for once or more.

    questions: by number, the question section for slot 2n; the same object for as long as the name is
    followed, by which a reply is known to be still wanted.
    """

    def __init__(self) -> None:
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
        """Of a name that is followed, configured or not."""
        return self._numbers.get(text)

    def text_of(self, number: int) -> str:
        return self._texts[number]

    def is_configured(self, number: int) -> bool:
        return bool(self._flags[number] & _CONFIGURED)

    def is_srv(self, number: int) -> bool:
        return bool(self._flags[number] & _IS_SRV)

    def configured(self) -> Iterator[int]:
        return (number for number, flags in enumerate(self._flags) if flags & _CONFIGURED)

    def slots_of(self, number: int) -> tuple[int, ...]:
        """Those to be asked for."""
        return (a_slot(number),) if self.is_srv(number) else both_slots(number)

    def all_slots(self) -> array[int]:
        """Every slot to be asked for: addresses that most clients use first, so the A before the AAAA."""
        followed = [number for number, text in enumerate(self._texts) if text]
        found = array("I", map(a_slot, followed))
        found.extend(aaaa_slot(number) for number in followed if not self.is_srv(number))
        return found

    def configure(self, domains: Collection[str]) -> Configured:
        """Have these configured and no others."""
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
        """Follow a name for somebody else's sake; undone by unwant(). Its number."""
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
        """Forget a name that is no longer followed; its number may be another's from now on."""
        for slot in self.slots_of(number):
            self.note_asked(slot)
        for slot in both_slots(number):
            self.slots.due[slot] = NEVER
            self.slots.store(slot, SlotState())
        del self._numbers[self._texts[number]]
        self._texts[number], self.questions[number], self._flags[number] = "", b"", 0
        self._free.append(number)

    def note_asked(self, slot: int) -> None:
        """It has been asked for, whatever came of it."""
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
        is_srv = is_srv_name(text)
        self.questions[number] = encode_name(text) + (_SRV if is_srv else _A)
        flags = _UNASKED[0] | (_IS_SRV if is_srv else _UNASKED[1])
        self._flags[number] = flags
        self.unasked += 1 if flags & _IS_SRV else 2
        self.all_asked.clear()
        return number

    def _grow(self) -> int:
        self.slots.grow()
        self.slots.grow()
        self._texts.append("")
        self.questions.append(b"")
        self._flags.append(0)
        return len(self._texts) - 1

    def slots_with_failures(self, random: Random) -> Iterable[int]:
        """The slots whose last lookup failed, starting at a random one, so that each has its turn."""
        count = len(self.slots)
        first = random.randrange(count) if count else 0
        return (slot for slot in chain(range(first, count), range(first)) if self.slots.has_failed(slot))
