"""The answers of the followed names, for the rest of the program: by name, by address and by status.

The index by address and the counts by status are updated as slots change, at the cost of the change alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from lowatch.core.addresses import (
    EVERYWHERE,
    NO_LOCAL_PREFIXES,
    Address,
    LocalPrefixes,
    Port,
    Prefix,
    PrefixSet,
    destination,
)
from lowatch.core.answers import Answer, AnswerStatus, RRset, worse
from lowatch.core.limits.names import (
    ADDRESSES_HERE_PER_NAME,
    ADDRESSES_PER_NAME,
    TARGETS_PER_SERVICE,
)

from . import dns64
from .address_index import AddressIndex
from .answer_limits import addresses_within_limit, srv_records_within_limit
from .made_answers import MadeAnswers
from .name_table import NameTable
from .slot_state import LookupOutcome, SlotState
from .slots import UNKNOWN_CODE, a_slot, aaaa_slot, both_slots, name_number, other_slot
from .srv import SrvTargets, Target, ports_and_targets


class AnswerBook:
    """The answers of the configured names of a NameTable, which are the domains.

    local: knows which addresses are this host's.
    """

    def __init__(self, names: NameTable, local: LocalPrefixes = NO_LOCAL_PREFIXES) -> None:
        self._names = names
        self._local = local
        self._slots = names.slots
        self._index = AddressIndex()
        self._made = MadeAnswers(names)
        self._counts: Counter[AnswerStatus] = Counter()
        self._unresolved: Mapping[str, tuple[str, str]] | None = None
        self._slots_over_limit: set[int] = set()
        self._over_limit: Mapping[str, int] | None = None
        self._not_resolved: Sequence[str] | None = None
        self._links: SrvTargets[int] = SrvTargets()
        self._srv_names: set[int] = set()
        self._nat64_name: int | None = None

    # Queries.

    def answer(self, domain: str) -> Answer:
        number = self._names.number_of(domain)
        if number is None or not self._names.is_configured(number):
            return Answer(domain)
        return self._made.answer(number)

    def targets(self, domain: str) -> tuple[RRset, list[Target]]:
        return self._made.targets(domain)

    def target(self, name: str) -> Answer:
        return self._made.target(name)

    def target_names(self, domain: str) -> list[str]:
        return self._made.target_names(domain)

    def at(self, address: Address) -> Collection[str]:
        return self._domains_of(self._index.at(destination(address)))

    def inside(self, prefixes: Iterable[Prefix]) -> set[str]:
        return self._domains_of(self._index.inside(prefixes))

    @property
    def statuses(self) -> Counter[AnswerStatus]:
        """How many domains have each status."""
        return self._counts + Counter(self._made.answer(number).status for number in self._srv_names)

    def unresolved(self) -> Mapping[str, tuple[str, str]]:
        """The domains with an unknown answer: why the A is unknown, and why the AAAA is ("" if known)."""
        if self._unresolved is None:
            self._unresolved = {**self._unresolved_hosts(), **self._unresolved_srv_names()}
        return self._unresolved

    def over_limit(self) -> Mapping[str, int]:
        """The domains with more addresses, or SRV records, than the limits, and how many are ignored."""
        if self._over_limit is None:
            numbers = map(name_number, self._slots_over_limit)
            domains = {self._names.text_of(one) for one in numbers if self._names.is_configured(one)}
            domains.update(self._names.text_of(number) for number in self._srv_names)
            more = {domain: self.answer(domain).more for domain in sorted(domains)}
            self._over_limit = {domain: count for domain, count in more.items() if count}
        return self._over_limit

    def not_resolved(self) -> Sequence[str]:
        """The domains with a status other than RESOLVED. The same object until it changes."""
        if self._not_resolved is None:
            names, slots = self._names, self._slots
            hosts = (
                names.text_of(number)
                for number in (slots.not_resolved() if any(self._counts_but_resolved()) else ())
                if names.is_configured(number) and not names.is_srv(number)
            )
            answers = (self._made.answer(number) for number in self._srv_names)
            unresolved = (answer.domain for answer in answers if answer.status is not AnswerStatus.RESOLVED)
            self._not_resolved = (*hosts, *unresolved)
        return self._not_resolved

    def _counts_but_resolved(self) -> Iterable[int]:
        return (number for status, number in self._counts.items() if status is not AnswerStatus.RESOLVED)

    @property
    def srv_ports(self) -> frozenset[Port]:
        """The ports in all SRV records."""
        return frozenset(
            record.port
            for number in self._srv_names
            for record in self._made.answer(number).srv_records or ()
        )

    def leads_here(self, addresses: Collection[Address]) -> bool:
        """Whether one of the addresses may be local."""
        local = self._local.local_prefixes() if addresses else PrefixSet()
        return local is None or any(local.covers(destination(address)) for address in addresses)

    def numbers_here(self) -> Collection[int]:
        """The names with an address that may be local, configured or not."""
        local = self._local.local_prefixes()
        return self._index.inside(EVERYWHERE if local is None else local)

    def numbers_inside(self, prefixes: Iterable[Prefix]) -> Collection[int]:
        """The names that lead into one of these prefixes, configured or not."""
        return self._index.inside(prefixes)

    def keep_near(self, numbers: Iterable[int]) -> list[int]:
        """These names lead here, and with the target of an SRV name the SRV name and its other targets.

        Returns the numbers of those for which that is new.
        """
        new, left = [], list(numbers)
        while left:
            number = left.pop()
            if not self._names.is_near(number):
                self._names.keep_near(number)
                new.append(number)
                left += [*self._links.leading_to(number), *self._links.of(number)]
        return new

    # Changes to names and slots.

    def added(self, numbers: Iterable[int]) -> None:
        """These names are configured from now on."""
        self._unresolved = self._over_limit = self._not_resolved = None
        for number in numbers:
            if self._names.is_srv(number):
                self._srv_names.add(number)
            else:
                self._counts[self._host_status(number)] += 1

    def removed(self, numbers: Iterable[int]) -> None:
        """These names are no longer configured. Those that nothing depends on are released."""
        self._unresolved = self._over_limit = self._not_resolved = None
        gone = list(numbers)
        self._made.forget(gone)
        for number in gone:
            if not self._names.is_srv(number):
                self._counts[self._host_status(number)] -= 1
        for number in self._srv_names.intersection(gone):
            self._srv_names.discard(number)
            self._aim(number, ())
        for number in gone:
            self._release(number)

    def bounded(self, slot: int, outcome: LookupOutcome, known: Collection[Address]) -> LookupOutcome:
        """The outcome, its addresses or SRV records cut to the limits. known: those of the last answer."""
        found = outcome.reply.addresses
        if self._names.is_srv(name_number(slot)):
            limit = TARGETS_PER_SERVICE
            kept = srv_records_within_limit(found, known) if len(found) > limit.value else found
        elif len(found) > ADDRESSES_HERE_PER_NAME.value:
            limit = ADDRESSES_PER_NAME if len(found) > ADDRESSES_PER_NAME.value else ADDRESSES_HERE_PER_NAME
            kept = addresses_within_limit(found, known, self._local.local_prefixes() or PrefixSet())
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
        number = name_number(slot)
        self._note_over_limit(slot, after.rrset.more)
        if self._names.is_srv(number):
            found = self._retarget(number, after.rrset)
            related = (number, *self._links.of(number))
            if any(self._names.is_near(one) for one in related):
                self.keep_near(related)
        else:
            if not self._names.is_near(number) and self.leads_here(after.rrset.addresses):
                self.keep_near([number])
            self._reindex(number, before.rrset.addresses, after.rrset.addresses)
            if self._names.is_configured(number):
                other = self._slots.status_of(other_slot(slot))
                self._counts[worse(before.rrset.status, other)] -= 1
                self._counts[worse(after.rrset.status, other)] += 1
            if number == self._nat64_name:
                self._unresolved = self._not_resolved = None
                return self._learn_nat64(number), []
            found = self._look_for_nat64(number)
        matters_to_srv = self._names.is_srv(number) or number in self._links
        statuses = (before.rrset.status, after.rrset.status)
        if matters_to_srv or AnswerStatus.UNKNOWN in statuses:
            self._unresolved = None
        if matters_to_srv:
            self._over_limit = None
        if matters_to_srv or statuses[0] is not statuses[1]:
            self._not_resolved = None
        return self._touch([number]), found

    # Keeping the index, the counts and the targets up to date.

    def _touch(self, numbers: Iterable[int]) -> list[int]:
        """Drop the cached Answers that depend on these names. Returns the numbers of their domains."""
        touched = [one for number in numbers for one in (number, *self._links.leading_to(number))]
        self._made.forget(touched)
        return [one for one in touched if self._names.is_configured(one)]

    def _reindex(self, number: int, before: tuple[Address, ...], after: tuple[Address, ...]) -> None:
        if before == after:
            return
        slots = both_slots(number)
        others = {destination(address) for slot in slots for address in self._slots.addresses_of(slot)}
        for address in {destination(address) for address in before} - others:
            self._index.discard(address, number)
        for address in map(destination, after):
            self._index.add(address, number)

    def _retarget(self, number: int, srv: RRset) -> list[int]:
        domain = self._names.text_of(number)
        return self._aim(number, dict.fromkeys(t for _, t in ports_and_targets(domain, srv.addresses)))

    def _aim(self, number: int, targets: Iterable[str]) -> list[int]:
        """Set the targets of an SRV name. Returns the numbers of the names to query for the first time."""
        before = self._links.of(number)
        after: dict[int, None] = {}
        new = []
        for target in targets:
            is_new = self._names.number_of(target) is None
            wanted = self._names.want(target)
            after[wanted] = None
            if is_new:
                new.append(wanted)
        self._links.replace(number, after)
        for one in before:
            self._names.unwant(one)  # if it is still a target, it was wanted once more above
            self._release(one)
        return new

    def _release(self, number: int) -> None:
        """Forget a name that is no longer followed. Safe to call twice."""
        if self._names.is_followed(number) or not self._names.text_of(number):
            return
        for slot in both_slots(number):
            for address in self._slots.addresses_of(slot) if not self._names.is_srv(number) else ():
                self._index.discard(destination(address), number)
        for slot in both_slots(number):
            self._note_over_limit(slot, 0)
        self._names.release(number)

    def _note_over_limit(self, slot: int, more: int) -> None:
        if not more and slot not in self._slots_over_limit:
            return
        self._over_limit = None
        if more:
            self._slots_over_limit.add(slot)
        else:
            self._slots_over_limit.discard(slot)

    def _look_for_nat64(self, number: int) -> list[int]:
        """Follow the well-known name once an answer looks synthesised. Returns its number if it is new."""
        aaaa = self._slots.addresses_of(aaaa_slot(number))
        if self._nat64_name is not None or not aaaa:
            return []
        if not dns64.looks_synthesised(aaaa, self._slots.addresses_of(a_slot(number))):
            return []
        fresh = self._names.number_of(dns64.WELL_KNOWN_NAME) is None
        self._nat64_name = self._names.want(dns64.WELL_KNOWN_NAME)
        self._names.keep_near(self._nat64_name)  # all AAAA answers depend on it
        return [self._nat64_name] if fresh else []

    def _learn_nat64(self, number: int) -> list[int]:
        """Read the prefixes from the well-known name. Returns the numbers of the domains they affect."""
        prefixes = dns64.prefixes_of(self._slots.addresses_of(aaaa_slot(number)))
        before = self._made.replace_nat64(prefixes)
        if prefixes == before:
            return self._touch([number])
        return self._touch([number, *self._index.inside(prefixes | before)])

    def _host_status(self, number: int) -> AnswerStatus:
        a, aaaa = both_slots(number)
        return worse(self._slots.status_of(a), self._slots.status_of(aaaa))

    def _domains_of(self, numbers: Iterable[int]) -> set[str]:
        """The domains among these names, and those with one of them as the target of an SRV record."""
        names, found = self._names, set()
        for number in numbers:
            for one in (number, *self._links.leading_to(number)):
                if names.is_configured(one):
                    found.add(names.text_of(one))
        return found

    def _unresolved_hosts(self) -> dict[str, tuple[str, str]]:
        found: dict[str, tuple[str, str]] = {}
        shared: dict[tuple[str, str], tuple[str, str]] = {}
        slot = self._slots.status.find(UNKNOWN_CODE)
        while slot >= 0:
            number = name_number(slot)
            if self._names.is_configured(number) and not self._names.is_srv(number):
                a, aaaa = both_slots(number)
                why = (self._slots.unknown_because(a), self._slots.unknown_because(aaaa))
                found[self._names.text_of(number)] = shared.setdefault(why, why)
            slot = self._slots.status.find(UNKNOWN_CODE, a_slot(number + 1))
        return found

    def _unresolved_srv_names(self) -> dict[str, tuple[str, str]]:
        found = {}
        for number in self._srv_names:
            answer = self._made.answer(number)
            if any(answer.unknown_reasons):
                found[answer.domain] = answer.unknown_reasons
        return found
