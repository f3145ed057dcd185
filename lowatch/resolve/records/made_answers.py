"""The Answer of each name: made from its slots on request, and cached until something in it changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from lowatch.core.addresses import Prefix
from lowatch.core.answers import NOT_ASKED, Answer, AnswerStatus, RRset
from lowatch.core.limits.names import DNS_ANSWERS_KEPT

from . import dns64
from .name_table import NameTable
from .slots import a_slot, aaaa_slot, is_aaaa, other_slot
from .srv import Target, bounded, ports_and_targets, srv_answer

_HAS_NO_A = (AnswerStatus.NODATA, AnswerStatus.NXDOMAIN)


class MadeAnswers:
    """Answers by name number. The Answer of an SRV name also depends on the slots of its targets."""

    def __init__(self, names: NameTable) -> None:
        self._names = names
        self._slots = names.slots
        self._kept: dict[int, Answer] = {}
        self._nat64: frozenset[Prefix] = frozenset()

    def answer(self, number: int) -> Answer:
        """The Answer of a name: the same object until forget()."""
        known = self._kept.get(number)
        if known is None:
            if len(self._kept) >= DNS_ANSWERS_KEPT.value:
                DNS_ANSWERS_KEPT.reached()
                self._kept.pop(next(iter(self._kept)))
            known = self._kept[number] = self._make(number)
        return known

    def forget(self, numbers: Iterable[int]) -> None:
        """Drop these Answers from the cache, because something in them has changed."""
        for number in numbers:
            self._kept.pop(number, None)

    def targets(self, domain: str) -> tuple[RRset, list[Target]]:
        """The RRset of an SRV name, and the targets in it with their addresses."""
        number = self._names.number_of(domain)
        if number is None or not self._names.is_srv(number):
            return NOT_ASKED, []
        srv = self._slots.load(a_slot(number)).rrset
        targets = [
            Target(target, port, *self._rrsets_of_target(known))
            for port, target in ports_and_targets(domain, srv.addresses)
            if (known := self._names.number_of(target)) is not None
        ]
        return srv, targets

    def target(self, name: str) -> Answer:
        """The Answer of an SRV record's target: at most ADDRESSES_PER_TARGET addresses of each type."""
        number = self._names.number_of(name)
        return Answer(name) if number is None else Answer(name, *self._rrsets_of_target(number))

    def target_names(self, domain: str) -> list[str]:
        """The targets of an SRV name, without their addresses, which are slow to read."""
        number = self._names.number_of(domain)
        if number is None or not self._names.is_srv(number):
            return []
        records = self._slots.addresses_of(a_slot(number))
        return [target for _, target in ports_and_targets(domain, records)]

    def replace_nat64(self, prefixes: frozenset[Prefix]) -> frozenset[Prefix]:
        """Treat AAAA addresses within these prefixes as synthesised. Returns the previous prefixes."""
        before, self._nat64 = self._nat64, prefixes
        return before

    def _make(self, number: int) -> Answer:
        domain = self._names.text_of(number)
        if self._names.is_srv(number):
            return srv_answer(domain, *self.targets(domain))
        return Answer(domain, self._rrset(a_slot(number)), self._rrset(aaaa_slot(number)))

    def _rrsets_of_target(self, number: int) -> tuple[RRset, RRset]:
        return bounded(self._rrset(a_slot(number))), bounded(self._rrset(aaaa_slot(number)))

    def _rrset(self, slot: int) -> RRset:
        rrset = self._slots.load(slot).rrset
        if not (is_aaaa(slot) and self._nat64 and rrset.addresses):
            return rrset
        if self._slots.status_of(other_slot(slot)) in _HAS_NO_A:
            return rrset  # without an A record, it cannot have been synthesised
        own, made = dns64.split(rrset.addresses, self._nat64)
        if not made:
            return rrset
        fresh_and_empty = rrset.status is AnswerStatus.RESOLVED and not own
        status = AnswerStatus.NODATA if fresh_and_empty else rrset.status
        return replace(rrset, status=status, addresses=own, synthesised=made)
