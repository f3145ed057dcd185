"""The endpoints orphaned when the last run ended: all that is known about their names in a DNS outage."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence, Set
from dataclasses import replace

from lowatch.core.addresses import Address, destination, is_v4
from lowatch.core.answers import Answer, AnswerStatus, RRset, SrvRecord
from lowatch.core.findings import FindingKind, Subject
from lowatch.core.listeners import Endpoint


class RememberedOrphans:
    """Keeps these endpoints, by name, until DNS answers again, so that they can be checked meanwhile."""

    def __init__(self) -> None:
        self._endpoints: dict[str, dict[Endpoint, None]] = {}
        self._names: dict[Address, set[str]] = {}
        self._made: dict[str, tuple[Answer, Answer]] = {}

    def remember(self, subjects: Iterable[Subject]) -> None:
        for kind, _, address, domain, port, _ in subjects:
            if kind is FindingKind.ORPHAN_VIP and domain and address and port:
                self._endpoints.setdefault(domain, {})[Endpoint(address, port)] = None
                self._names.setdefault(destination(address), set()).add(domain)

    @property
    def names(self) -> Set[str]:
        return self._endpoints.keys()

    def __contains__(self, name: str) -> bool:
        return name in self._endpoints

    def endpoints(self, name: str) -> Sequence[Endpoint]:
        return tuple(self._endpoints.get(name, ()))

    def at(self, address: Address) -> Collection[str]:
        """The names that resolved to the address."""
        return self._names.get(destination(address), ())

    def completed(self, answer: Answer) -> Answer:
        """The answer, with the remembered addresses while it is unknown and has none; then drops them.

        The same answer gives the same object.
        """
        name = answer.domain
        known = self._made.get(name)
        if known is not None and known[0] is answer:
            return known[1]
        endpoints = self._endpoints[name]
        made = replace(
            answer,
            a=_with(answer.a, [one for one in endpoints if is_v4(one.address)]),
            aaaa=_with(answer.aaaa, [one for one in endpoints if not is_v4(one.address)]),
        )
        if (made.a, made.aaaa) == (answer.a, answer.aaaa):
            self._forget(name)
            return answer
        if answer.srv_records is not None:
            records = (SrvRecord(name, port, (address,)) for address, port in endpoints)
            made = replace(made, srv_records=(*answer.srv_records, *records))
        self._made[name] = answer, made
        return made

    def _forget(self, name: str) -> None:
        for address in {destination(endpoint.address) for endpoint in self._endpoints.pop(name)}:
            self._names[address].discard(name)
        self._made.pop(name, None)


def _with(rrset: RRset, endpoints: Iterable[Endpoint]) -> RRset:
    if rrset.status is not AnswerStatus.UNKNOWN or rrset.addresses:
        return rrset
    return replace(rrset, addresses=tuple(sorted({one.address for one in endpoints})))
