"""What is known about each name and type, in arrays: about 60 bytes, instead of 300 for an object.

A slot is one name's A or AAAA, and has a SlotState. The state is stored in pieces, and put together again
when an outcome is unusual. What few slots have (a chain, a reason, a rotation) is in dicts by slot.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from itertools import product
from typing import NamedTuple, TypeVar

from lowatch.core.addresses import V4_LENGTH, V6_LENGTH, Address
from lowatch.core.answers import NOT_ASKED, AnswerStatus, RRset, worse
from lowatch.wire.dns import (
    DENIED,
    Reply,
    ReplyKind,
)

from .rotation import STEADY, Rotation
from .slot_state import SlotState

T = TypeVar("T")

NEVER = 0xFFFFFFFF
"""The due time of a slot that is being queried, or is not followed."""


def name_number(slot: int) -> int:
    """The number of the name that a slot belongs to."""
    return slot >> 1


def is_aaaa(slot: int) -> bool:
    """Whether a slot is for AAAA. The other slot of a name is for A, or for SRV if it is an SRV name."""
    return bool(slot & 1)


def a_slot(number: int) -> int:
    """The slot for a name's A records, or for the SRV records of an SRV name."""
    return 2 * number


def aaaa_slot(number: int) -> int:
    """The slot of a name's AAAA."""
    return 2 * number + 1


def both_slots(number: int) -> tuple[int, int]:
    """The slots of a name: its A and its AAAA."""
    return 2 * number, 2 * number + 1


def other_slot(slot: int) -> int:
    """The other slot of the same name."""
    return slot ^ 1


_STATUSES = tuple(AnswerStatus)
_CODES = {status: code for code, status in enumerate(_STATUSES)}
UNKNOWN_CODE = _CODES[AnswerStatus.UNKNOWN]
_NOT_RESOLVED = frozenset(
    (_CODES[a], _CODES[aaaa])
    for a, aaaa in product(_STATUSES, repeat=2)
    if worse(a, aaaa) is not AnswerStatus.RESOLVED
)

# Whether a slot can be renewed without reading the rest of its state, and by which kind of reply.
_NOT_PLAIN, _PLAIN_ADDRESSES, _PLAIN_NODATA = 0, 1, 2
_COUNT_LIMIT = 255


class _Rare(NamedTuple):
    """The rest of the state of a slot that is failing, rotates, or has more addresses than the limit."""

    reason: str
    stale_since: float | None
    rotation: Rotation
    more: int = 0


_ORDINARY = _Rare("", None, STEADY)


class Slots:
    """due: the second (monotonic, rounded up) at which each slot is to be asked for, or NEVER.

    answered: when addresses were last the answer, monotonic seconds; the session writes it on a renewal.
    status: a code for each slot, see status_of; in a bytearray, because find() is fast there.
    calm: how many equal answers in a row each slot gave, or far_slots.RESTING; far_slots.py counts.
    """

    def __init__(self) -> None:
        self.due = array("I")
        self.status = bytearray()
        self.calm = bytearray()
        self._plain = bytearray()
        self._failures = bytearray()
        self._denials = bytearray()
        self._ttl = array("I")
        self.answered = array("d")
        self._server = array("H")
        self._addresses: list[bytes] = []
        self._records: dict[int, tuple[Address, ...]] = {}
        self._chains: dict[int, tuple[str, ...]] = {}
        self._rare: dict[int, _Rare] = {}
        self._servers: list[str] = [""]

    def __len__(self) -> int:
        return len(self.due)

    def grow(self) -> None:
        """Add one slot: NOT_ASKED, and never due."""
        self.due.append(NEVER)
        self.status.append(UNKNOWN_CODE)
        for column in (self.calm, self._plain, self._failures, self._denials):
            column.append(0)
        self._ttl.append(0)
        self.answered.append(0.0)
        self._server.append(0)
        self._addresses.append(b"")
        self.store(len(self.due) - 1, SlotState())

    def status_of(self, slot: int) -> AnswerStatus:
        return _STATUSES[self.status[slot]]

    def addresses_of(self, slot: int) -> tuple[Address, ...]:
        packed = self._addresses[slot]
        length = V6_LENGTH if is_aaaa(slot) else V4_LENGTH
        if len(packed) == length:
            return (Address(packed),)
        if not packed:
            return self._records.get(slot, ())
        return tuple([Address(packed[at : at + length]) for at in range(0, len(packed), length)])

    def not_resolved(self) -> list[int]:
        """The numbers of the names whose A and AAAA, taken together, are not RESOLVED."""
        status = self.status
        pairs = zip(status[0::2], status[1::2], strict=True)
        return [number for number, pair in enumerate(pairs) if pair in _NOT_RESOLVED]

    def has_failed(self, slot: int) -> bool:
        """Whether its last lookup failed."""
        return self._failures[slot] > 0

    def unknown_because(self, slot: int) -> str:
        """Why the slot is UNKNOWN; "" if it is not."""
        if self.status[slot] != UNKNOWN_CODE:
            return ""
        return self._rare[slot].reason if slot in self._rare else NOT_ASKED.reason

    def known(self, slots: Iterable[int]) -> list[bytes]:
        """The value of Lookup.known for each slot."""
        addresses, plain = self._addresses, self._plain
        known = []
        for slot in slots:
            packed, kind = addresses[slot], plain[slot]
            if kind == _PLAIN_ADDRESSES and len(packed) == V4_LENGTH:
                known.append(packed)
            else:
                known.append(DENIED if kind == _PLAIN_NODATA else b"")
        return known

    def renew(self, slot: int, reply: Reply, now: float) -> bool:
        """Note a reply that repeats what is known, as nearly all replies do. Returns False for any other.

        It has the same result as load(), update() and store(), at a tenth of the cost.
        """
        plain = self._plain[slot]
        if plain == _PLAIN_ADDRESSES:
            addresses = reply.addresses
            packed = addresses[0] if len(addresses) == 1 else b"".join(addresses)
            if packed == self._addresses[slot] and not reply.chain:
                self.answered[slot] = now
                return True
            return False
        return plain == _PLAIN_NODATA and reply.kind is ReplyKind.NODATA and not reply.chain

    def load(self, slot: int) -> SlotState:
        rare = self._rare.get(slot, _ORDINARY)
        status = self.status_of(slot)
        if status is AnswerStatus.UNKNOWN and rare is _ORDINARY:
            return SlotState()
        rrset = RRset(
            status,
            self.addresses_of(slot),
            self._chains.get(slot, ()),
            self._ttl[slot],
            rare.reason,
            rare.stale_since,
            self._servers[self._server[slot]],
            more=rare.more,
        )
        counts = self._failures[slot], self._denials[slot]
        return SlotState(rrset, *counts, answered=self.answered[slot], rotation=rare.rotation)

    def store(self, slot: int, state: SlotState) -> None:
        rrset = state.rrset
        self.status[slot] = _CODES[rrset.status]
        self._failures[slot] = min(state.failures, _COUNT_LIMIT)
        self._denials[slot] = min(state.denials, _COUNT_LIMIT)
        self._ttl[slot] = rrset.ttl
        self.answered[slot] = state.answered
        self._server[slot] = self._number_of(rrset.server)
        self._store_addresses(slot, rrset.addresses)
        _keep(self._chains, slot, rrset.chain)
        rare = _Rare(rrset.reason, rrset.stale_since, state.rotation, rrset.more)
        _keep(self._rare, slot, None if rrset is NOT_ASKED or rare == _ORDINARY else rare)
        self._plain[slot] = self._plainness(slot, state)

    def _plainness(self, slot: int, state: SlotState) -> int:
        rrset = state.rrset
        if slot in self._rare or slot in self._chains or slot in self._records or state.failures:
            return _NOT_PLAIN
        if rrset.status is AnswerStatus.RESOLVED and not state.denials:
            return _PLAIN_ADDRESSES
        return _PLAIN_NODATA if rrset.status is AnswerStatus.NODATA else _NOT_PLAIN

    def _store_addresses(self, slot: int, addresses: tuple[Address, ...]) -> None:
        """Packed, or as they are where they are no addresses of that slot's family: SRV records."""
        length = V6_LENGTH if is_aaaa(slot) else V4_LENGTH
        fit = all(len(address) == length for address in addresses)
        packed = b"".join(addresses) if fit else b""
        if packed != self._addresses[slot]:
            self._addresses[slot] = packed
        _keep(self._records, slot, () if fit else addresses)

    def _number_of(self, server: str) -> int:
        try:
            return self._servers.index(server)
        except ValueError:
            if len(self._servers) > _MOST_SERVERS:
                return 0
            self._servers.append(server)
            return len(self._servers) - 1


_MOST_SERVERS = 0xFFFF


def _keep(column: dict[int, T], slot: int, value: T | None) -> None:
    if value:
        column[slot] = value
    else:
        column.pop(slot, None)
