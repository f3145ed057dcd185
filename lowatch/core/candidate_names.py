"""Names that may lead to a held address, because the host or the address says so.

A candidate is followed only if it leads to a held address: a PTR record may say anything. So /etc/hosts
counts as it is, because it is itself what leads there, and the others are looked up before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from .addresses import Address, Port, destination
from .answers import Answer
from .learned_names import LearnedName, observe_ports
from .limits.names import CANDIDATE_NAMES
from .name_sources import CANDIDATES, NameSource
from .policy import DomainSpec
from .reverse_names import reverse_name
from .snapshot import DomainObservation, RefusedPort

Sources = Mapping[NameSource, Collection[str]]
"""Names by who says them."""


def led_by_ptr(
    held: Collection[Address], asked: Iterable[Address], answer: Callable[[str], Answer]
) -> set[str]:
    """The names in the PTR records of these addresses that lead to a held one.

    answer: of a reverse name, with its targets and their addresses in place of SRV records.
    """
    return {
        record.target
        for address in asked
        for record in answer(reverse_name(address)).srv_records or ()
        if leads(record.addresses, held)
    }


def leads(addresses: Iterable[Address], held: Collection[Address]) -> bool:
    return any(destination(address) in held for address in addresses)


class CandidateNames:
    """Bounded. `changes` grows whenever specs() or sources() return something else."""

    def __init__(self) -> None:
        self._names: dict[str, LearnedName] = {}
        self._unproven: set[str] = set()
        self.changes = 0

    def restore(self, names: Iterable[tuple[str, LearnedName]]) -> None:
        """What the last run knew: it counts until its sources were asked again."""
        self._names = dict(list(names)[: CANDIDATE_NAMES.value])
        self._unproven = set(self._names)
        self.changes += 1

    def replace(self, found: Sources, now: float, *, asked: Collection[NameSource]) -> bool:
        """These lead to a held address now. Returns whether there are more than the limit.

        asked: the sources that have answered; of the others, what the last run knew stays. now: monotonic
        seconds.
        """
        by_name: dict[str, NameSource] = {}
        for source in CANDIDATES:
            for name in sorted(found.get(source, ())):
                by_name.setdefault(name, source)
        self._unproven = {
            name
            for name in self._unproven
            if (known := self._names.get(name)) and known.source not in asked and name not in by_name
        }
        for name in self._unproven:
            by_name[name] = self._names[name].source
        left = len(by_name) - CANDIDATE_NAMES.value
        if left > 0:
            CANDIDATE_NAMES.reached()
            by_name = dict(list(by_name.items())[: CANDIDATE_NAMES.value])
        if by_name != self.sources():
            self._names = {name: self._kept(name, source, now) for name, source in by_name.items()}
            self.changes += 1
        return left > 0

    def _kept(self, name: str, source: NameSource, now: float) -> LearnedName:
        known = self._names.get(name)
        if known is None:
            return LearnedName(source, now)
        known.source = source
        return known

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[tuple[str, LearnedName]]:
        return iter(self._names.items())

    def observe(
        self,
        domains: Mapping[str, DomainObservation],
        refused: Iterable[RefusedPort],
        now: float,
        within: float,
    ) -> None:
        """Learn the ports from an audit, like those of names that are looked up."""
        self.changes += observe_ports(self, domains, refused, now, within)

    def specs(self, default_ports: tuple[Port, ...]) -> dict[str, DomainSpec]:
        """What each name should serve."""
        return {
            name: one.spec(default_ports)._replace(from_hosts=one.source is NameSource.HOSTS)
            for name, one in self._names.items()
        }

    def sources(self) -> dict[str, NameSource]:
        return {name: one.source for name, one in self._names.items()}
