"""The values of lo_orphan_vip, kept from audit to audit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from lowatch.core.addresses import Address, Port
from lowatch.core.judgement import DomainJudgement, Judgement
from lowatch.core.snapshot import Snapshot
from lowatch.core.verdicts import Verdict


class OrphanKey(NamedTuple):
    """The labels of one series."""

    interface: str
    address: Address
    domain: str
    port: Port


class OrphanValues:
    """1 orphaned, 0 otherwise; UNKNOWN keeps the last known value, and has none if there was none.

    A series goes when its pair of domain and address goes, and stays while that cannot be told.
    """

    def __init__(self) -> None:
        self.values: dict[OrphanKey, int] = {}
        self._counted: Mapping[str, DomainJudgement] = {}
        self._keys: dict[str, tuple[OrphanKey, ...]] = {}

    def update(self, snapshot: Snapshot, judgement: Judgement) -> None:
        for name in self._counted.keys() - judgement.domains.keys():
            self._replace(name, {})
        for name, judged in judgement.domains.items():
            if self._counted.get(name) is not judged:
                undecided = {address for address, _ in snapshot.domains[name].undecided}
                self._replace(name, self._values_of(name, judged, undecided))
        self._counted = judgement.domains

    def _values_of(
        self, name: str, judged: DomainJudgement, undecided: set[Address]
    ) -> dict[OrphanKey, int]:
        found = {key: self.values[key] for key in self._keys.get(name, ()) if key.address in undecided}
        for endpoint in judged.endpoints:
            key = OrphanKey(endpoint.interface, endpoint.address, name, endpoint.port)
            if endpoint.verdict is not Verdict.UNKNOWN:
                found[key] = int(endpoint.verdict is Verdict.ORPHAN)
            elif key in self.values:
                found[key] = self.values[key]
        return found

    def _replace(self, name: str, found: dict[OrphanKey, int]) -> None:
        for key in self._keys.pop(name, ()):
            if key not in found:
                del self.values[key]
        if found:
            self._keys[name] = tuple(found)
            self.values.update(found)
