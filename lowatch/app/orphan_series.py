"""The values of lo_orphan_vip, kept from audit to audit."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Set

from lowatch.core.addresses import Address, is_v4
from lowatch.core.findings import FindingKind, Subject
from lowatch.core.judgement import Judgement
from lowatch.core.snapshot import DomainObservation, Snapshot
from lowatch.core.verdicts import DomainJudgement, OrphanKey, Verdict

_STEP = 2_000
"""Endpoints."""
_LOOKED_AT = 10_000
"""Domains. An unchanged domain costs only a comparison."""


class OrphanValues:
    """1 if orphaned, otherwise 0. UNKNOWN keeps the last known value, if there is one.

    A series ends when its pair of domain and address ends, and stays while that is unknown.
    """

    def __init__(self, revived: Iterable[Subject] = ()) -> None:
        """revived: the orphans of the last run, 1 until more is known."""
        self.values: dict[OrphanKey, int] = {}
        self._counted: Mapping[str, DomainJudgement] = {}
        self._keys: dict[str, tuple[OrphanKey, ...]] = {}
        self._revived: set[OrphanKey] = set()
        """Revived keys whose domain has not been resolved yet: the answer with the address is missing."""
        for kind, interface, address, domain, port, _ in revived:
            if kind is FindingKind.ORPHAN_VIP and interface and address and domain and port:
                key = OrphanKey(interface, address, domain, port)
                self._revived.add(key)
                self._replace(domain, {**dict.fromkeys(self._keys.get(domain, ()), 1), key: 1})

    def update(self, snapshot: Snapshot, judgement: Judgement) -> None:
        """Run all of steps() at once."""
        for _ in self.steps(snapshot, judgement):
            pass

    def steps(self, snapshot: Snapshot, judgement: Judgement) -> Generator[None, None, None]:
        """Update the values in steps of a few milliseconds; until the end some domains have old values."""
        for name in self._keys.keys() - judgement.domains.keys():
            self._replace(name, self._kept(name, frozenset(), snapshot))
        taken = 0
        for number, (name, judged) in enumerate(judgement.domains.items()):
            if self._counted.get(name) is not judged:
                self._replace(name, self._values_of(name, judged, snapshot.domains[name], snapshot))
                taken += len(judged.endpoints)
            if taken >= _STEP or number % _LOOKED_AT == _LOOKED_AT - 1:
                taken = 0
                yield
        self._counted = judgement.domains

    def _values_of(
        self, name: str, judged: DomainJudgement, observed: DomainObservation, snapshot: Snapshot
    ) -> dict[OrphanKey, int]:
        undecided = frozenset(address for address, _ in observed.undecided)
        found = self._kept(name, undecided, snapshot)
        for endpoint in judged.endpoints:
            if endpoint.guessed:
                continue
            key = OrphanKey(endpoint.interface, endpoint.address, name, endpoint.port)
            if endpoint.verdict is not Verdict.UNKNOWN:
                found[key] = int(endpoint.verdict is Verdict.ORPHAN)
            elif key in self.values:
                found[key] = 0 if endpoint.is_no_orphan else self.values[key]
        return found

    def _kept(self, name: str, undecided: Set[Address], snapshot: Snapshot) -> dict[OrphanKey, int]:
        """The values that may still be right. undecided: the addresses that may be local."""
        a, aaaa = snapshot.unresolved.get(name, ("", ""))
        known = self._keys.get(name, ())
        found = {
            key: self.values[key]
            for key in known
            if key.address in undecided
            or (
                key in self._revived
                and (a if is_v4(key.address) else aaaa)
                and key.address not in snapshot.elsewhere
            )
        }
        self._revived.difference_update(key for key in known if key not in found)
        return found

    def _replace(self, name: str, found: dict[OrphanKey, int]) -> None:
        for key in self._keys.pop(name, ()):
            if key not in found:
                del self.values[key]
        if found:
            self._keys[name] = tuple(found)
            self.values.update(found)
