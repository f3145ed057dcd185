"""What others see of the names: an Answer each, made when asked for, and who leads where.

Everything is kept up as slots change, at the cost of the change: the index by address, the counts by
status. An Answer that was asked for is kept until something in it changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from lowatch.core.addresses import EVERYWHERE, Address, Port, Prefix, PrefixSet, destination
from lowatch.core.answers import NOT_ASKED, Answer, RRset, Status, worse
from lowatch.core.limits.names import (
    ADDRESSES_HERE_PER_NAME,
    ADDRESSES_PER_NAME,
    DNS_ANSWERS_KEPT,
    TARGETS_PER_SERVICE,
)

from . import dns64
from .address_index import AddressIndex
from .crowd import looked_at, targets_looked_at
from .name_table import NameTable
from .slot_state import LookupOutcome, SlotState
from .slots import UNKNOWN_CODE
from .srv import Target, bounded, ports_and_targets, service_answer

_HAS_NO_A = (Status.NODATA, Status.NXDOMAIN)


class AnswerBook:
    """Makes the Answers of some names; the configured names among them are the domains.

    A number's Answer hangs on its own slots, and on those of the targets of its SRV records. local: what
    this host has, None where that is not known.
    """

    def __init__(self, names: NameTable, local: Callable[[], PrefixSet | None] = PrefixSet) -> None:
        self._names = names
        self._local = local
        self._slots = names.slots
        self._index = AddressIndex()
        self._counts: Counter[Status] = Counter()
        self._made: dict[int, Answer] = {}
        self._unresolved: Mapping[str, tuple[str, str]] | None = None
        self._crowds: set[int] = set()
        self._crowded: Mapping[str, int] | None = None
        self._not_resolved: Sequence[str] | None = None
        self._targets: dict[int, tuple[int, ...]] = {}
        self._dependants: dict[int, set[int]] = {}
        self._services: set[int] = set()
        self._nat64: frozenset[Prefix] = frozenset()
        self._nat64_name: int | None = None

    # What others ask.

    def answer(self, domain: str) -> Answer:
        number = self._names.number_of(domain)
        if number is None or not self._names.is_configured(number):
            return Answer(domain)
        known = self._made.get(number)
        if known is None:
            if len(self._made) >= DNS_ANSWERS_KEPT.value:
                DNS_ANSWERS_KEPT.reached()
                self._made.pop(next(iter(self._made)))
            known = self._made[number] = self._make(number, domain)
        return known

    def targets(self, domain: str) -> tuple[RRset, list[Target]]:
        """Of an SRV name: its records, and the targets that they name, with their addresses."""
        number = self._names.number_of(domain)
        if number is None or not self._names.is_service(number):
            return NOT_ASKED, []
        srv = self._slots.load(2 * number).rrset
        targets = [
            Target(target, port, *self._rrsets_of_target(known))
            for port, target in ports_and_targets(domain, srv.addresses)
            if (known := self._names.number_of(target)) is not None
        ]
        return srv, targets

    def target(self, name: str) -> Answer:
        """Of a name that SRV records lead to: with no more addresses than a target has."""
        number = self._names.number_of(name)
        return Answer(name) if number is None else Answer(name, *self._rrsets_of_target(number))

    def target_names(self, domain: str) -> list[str]:
        """Of an SRV name: targets() without their addresses, which are a lot to read."""
        number = self._names.number_of(domain)
        if number is None or not self._names.is_service(number):
            return []
        records = self._slots.addresses_of(2 * number)
        return [target for _, target in ports_and_targets(domain, records)]

    def at(self, address: Address) -> Collection[str]:
        return self._domains_of(self._index.at(destination(address)))

    def inside(self, prefixes: Iterable[Prefix]) -> set[str]:
        return self._domains_of(self._index.inside(prefixes))

    @property
    def statuses(self) -> Counter[Status]:
        """How many domains have each status."""
        services = (self.answer(self._names.text_of(number)) for number in self._services)
        return self._counts + Counter(answer.status for answer in services)

    def unresolved(self) -> Mapping[str, tuple[str, str]]:
        """The domains whose answer is unknown, and why its A and its AAAA are; "" where that is known."""
        if self._unresolved is None:
            self._unresolved = {**self._unresolved_hosts(), **self._unresolved_services()}
        return self._unresolved

    def crowded(self) -> Mapping[str, int]:
        """The domains with more addresses, or SRV records, than are looked at: how many more."""
        if self._crowded is None:
            numbers = (slot >> 1 for slot in self._crowds)
            domains = {self._names.text_of(one) for one in numbers if self._names.is_configured(one)}
            domains.update(self._names.text_of(number) for number in self._services)
            more = {domain: self.answer(domain).more for domain in sorted(domains)}
            self._crowded = {domain: count for domain, count in more.items() if count}
        return self._crowded

    def not_resolved(self) -> Sequence[str]:
        """The domains whose status is another than RESOLVED. The same object until one of them is."""
        if self._not_resolved is None:
            names, slots = self._names, self._slots
            hosts = (
                names.text_of(number)
                for number in (slots.not_resolved() if any(self._counts_but_resolved()) else ())
                if names.is_configured(number) and not names.is_service(number)
            )
            services = (names.text_of(number) for number in self._services)
            self._not_resolved = (
                *hosts,
                *(name for name in services if self.answer(name).status is not Status.RESOLVED),
            )
        return self._not_resolved

    def _counts_but_resolved(self) -> Iterable[int]:
        return (number for status, number in self._counts.items() if status is not Status.RESOLVED)

    @property
    def service_ports(self) -> frozenset[Port]:
        """What the SRV records name."""
        return frozenset(
            service.port
            for number in self._services
            for service in self.answer(self._names.text_of(number)).services or ()
        )

    def leads_here(self, addresses: Collection[Address]) -> bool:
        """Whether some of them may be this host's."""
        local = self._local() if addresses else PrefixSet(())
        return local is None or any(local.covers(destination(address)) for address in addresses)

    def numbers_here(self) -> Collection[int]:
        """The names that have such an address, configured or not."""
        local = self._local()
        return self._index.inside(EVERYWHERE if local is None else local)

    # What happens to the slots.

    def added(self, numbers: Iterable[int]) -> None:
        """These are domains now, which they were not."""
        self._unresolved = self._crowded = self._not_resolved = None
        for number in numbers:
            if self._names.is_service(number):
                self._services.add(number)
            else:
                self._counts[self._host_status(number)] += 1

    def removed(self, numbers: Iterable[int]) -> None:
        """These are domains no more; those that nobody wants are released."""
        self._unresolved = self._crowded = self._not_resolved = None
        gone = list(numbers)
        for number in gone:
            self._made.pop(number, None)
            if not self._names.is_service(number):
                self._counts[self._host_status(number)] -= 1
        for number in self._services.intersection(gone):
            self._services.discard(number)
            self._aim(number, ())
        for number in gone:
            self._release(number)

    def bounded(self, slot: int, outcome: LookupOutcome, known: Collection[Address]) -> LookupOutcome:
        """With no more of its addresses, or SRV records, than are looked at. known: those of before."""
        found = outcome.reply.addresses
        if self._names.is_service(slot >> 1):
            limit = TARGETS_PER_SERVICE
            kept = targets_looked_at(found, known) if len(found) > limit.value else found
        elif len(found) > ADDRESSES_HERE_PER_NAME.value:
            limit = ADDRESSES_PER_NAME if len(found) > ADDRESSES_PER_NAME.value else ADDRESSES_HERE_PER_NAME
            kept = looked_at(found, known, self._local() or PrefixSet(()))
        else:
            return outcome
        if len(kept) == len(found):
            return outcome
        limit.reached()
        reply = outcome.reply._replace(addresses=kept)
        return outcome._replace(reply=reply, more=len(found) - len(kept))

    def changed(self, slot: int, before: SlotState, after: SlotState) -> tuple[list[int], list[int]]:
        """The RRset of a slot was replaced.

        Returns the numbers of the domains whose Answer changed, and of the names to ask for now.
        """
        number = slot >> 1
        self._note_crowd(slot, after.rrset.more)
        if self._names.is_service(number):
            found = self._retarget(number, after.rrset)
        else:
            self._reindex(number, before.rrset.addresses, after.rrset.addresses)
            if self._names.is_configured(number):
                other = self._slots.status_of(slot ^ 1)
                self._counts[worse(before.rrset.status, other)] -= 1
                self._counts[worse(after.rrset.status, other)] += 1
            if number == self._nat64_name:
                self._unresolved = self._not_resolved = None
                return self._learn_nat64(number), []
            found = self._look_for_nat64(number)
        matters_to_a_service = self._names.is_service(number) or number in self._dependants
        statuses = (before.rrset.status, after.rrset.status)
        if matters_to_a_service or Status.UNKNOWN in statuses:
            self._unresolved = None
        if matters_to_a_service:
            self._crowded = None
        if matters_to_a_service or statuses[0] is not statuses[1]:
            self._not_resolved = None
        return self._touch([number]), found

    # Making one.

    def _make(self, number: int, domain: str) -> Answer:
        slot = 2 * number
        if not self._names.is_service(number):
            return Answer(domain, self._rrset(slot), self._rrset(slot + 1))
        return service_answer(domain, *self.targets(domain))

    def _rrsets_of_target(self, number: int) -> tuple[RRset, RRset]:
        return bounded(self._rrset(2 * number)), bounded(self._rrset(2 * number + 1))

    def _rrset(self, slot: int) -> RRset:
        rrset = self._slots.load(slot).rrset
        if not (slot & 1 and self._nat64 and rrset.addresses):
            return rrset
        if self._slots.status_of(slot - 1) in _HAS_NO_A:
            return rrset  # there is nothing that it could have been made of
        own, made = dns64.split(rrset.addresses, self._nat64)
        if not made:
            return rrset
        fresh_and_empty = rrset.status is Status.RESOLVED and not own
        status = Status.NODATA if fresh_and_empty else rrset.status
        return replace(rrset, status=status, addresses=own, synthesised=made)

    # Keeping up.

    def _touch(self, numbers: Iterable[int]) -> list[int]:
        """The domains whose Answer these names' slots are part of; those Answers are made again."""
        touched = [one for number in numbers for one in (number, *self._dependants.get(number, ()))]
        for one in touched:
            self._made.pop(one, None)
        return [one for one in touched if self._names.is_configured(one)]

    def _reindex(self, number: int, before: tuple[Address, ...], after: tuple[Address, ...]) -> None:
        if before == after:
            return
        slots = (2 * number, 2 * number + 1)
        others = {destination(address) for slot in slots for address in self._slots.addresses_of(slot)}
        for address in {destination(address) for address in before} - others:
            self._index.discard(address, number)
        for address in map(destination, after):
            self._index.add(address, number)

    def _retarget(self, number: int, srv: RRset) -> list[int]:
        domain = self._names.text_of(number)
        return self._aim(number, dict.fromkeys(t for _, t in ports_and_targets(domain, srv.addresses)))

    def _aim(self, number: int, targets: Iterable[str]) -> list[int]:
        """Have an SRV name's targets be these. The numbers of those that are new."""
        before = self._targets.pop(number, ())
        after: dict[int, None] = {}
        new = []
        for target in targets:
            is_new = self._names.number_of(target) is None
            wanted = self._names.want(target)
            after[wanted] = None
            if is_new:
                new.append(wanted)
        if after:
            self._targets[number] = tuple(after)
        for one in after:
            self._dependants.setdefault(one, set()).add(number)
        for one in before:
            if one not in after:
                self._dependants[one].discard(number)
            self._names.unwant(one)  # after has wanted it once more
            self._release(one)
        return new

    def _release(self, number: int) -> None:
        """Forget a name unless somebody wants it still; once is enough."""
        if self._names.is_followed(number) or not self._names.text_of(number):
            return
        for slot in (2 * number, 2 * number + 1):
            for address in self._slots.addresses_of(slot) if not self._names.is_service(number) else ():
                self._index.discard(destination(address), number)
        self._dependants.pop(number, None)
        for slot in (2 * number, 2 * number + 1):
            self._note_crowd(slot, 0)
        self._names.release(number)

    def _note_crowd(self, slot: int, more: int) -> None:
        if not more and slot not in self._crowds:
            return
        self._crowded = None
        if more:
            self._crowds.add(slot)
        else:
            self._crowds.discard(slot)

    def _look_for_nat64(self, number: int) -> list[int]:
        """Have the well-known name asked for once some answer looks synthesised."""
        aaaa = self._slots.addresses_of(2 * number + 1)
        if self._nat64_name is not None or not aaaa:
            return []
        if not dns64.looks_synthesised(aaaa, self._slots.addresses_of(2 * number)):
            return []
        fresh = self._names.number_of(dns64.WELL_KNOWN_NAME) is None
        self._nat64_name = self._names.want(dns64.WELL_KNOWN_NAME)
        return [self._nat64_name] if fresh else []

    def _learn_nat64(self, number: int) -> list[int]:
        """The prefixes that the well-known name shows; the domains whose Answer that concerns."""
        before, self._nat64 = self._nat64, dns64.prefixes_of(self._slots.addresses_of(2 * number + 1))
        if self._nat64 == before:
            return self._touch([number])
        return self._touch([number, *self._index.inside(self._nat64 | before)])

    def _host_status(self, number: int) -> Status:
        return worse(self._slots.status_of(2 * number), self._slots.status_of(2 * number + 1))

    def _domains_of(self, numbers: Iterable[int]) -> set[str]:
        """Their own texts, and those of the SRV names that lead to them."""
        names, found = self._names, set()
        for number in numbers:
            for one in (number, *self._dependants.get(number, ())):
                if names.is_configured(one):
                    found.add(names.text_of(one))
        return found

    def _unresolved_hosts(self) -> dict[str, tuple[str, str]]:
        found: dict[str, tuple[str, str]] = {}
        shared: dict[tuple[str, str], tuple[str, str]] = {}
        slot = self._slots.status.find(UNKNOWN_CODE)
        while slot >= 0:
            number = slot >> 1
            if self._names.is_configured(number) and not self._names.is_service(number):
                why = (self._slots.unknown_because(2 * number), self._slots.unknown_because(2 * number + 1))
                found[self._names.text_of(number)] = shared.setdefault(why, why)
            slot = self._slots.status.find(UNKNOWN_CODE, 2 * number + 2)
        return found

    def _unresolved_services(self) -> dict[str, tuple[str, str]]:
        found = {}
        for number in self._services:
            unknowns = self.answer(domain := self._names.text_of(number)).unknown_reasons
            if any(unknowns):
                found[domain] = unknowns
        return found
