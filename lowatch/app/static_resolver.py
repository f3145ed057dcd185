"""A Resolver with fixed answers. It asks nobody, and nothing changes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from lowatch.core.addresses import Address, Port, Prefix, PrefixSet, destination
from lowatch.core.answers import Answer, AnswerListener, AnswerStatus, OtherView
from lowatch.core.held import Held
from lowatch.core.known import Known, Unknown
from lowatch.core.views import is_unheard, possible_addresses, unsure


class StaticResolver:
    """Implements app.ports.Resolver. stub_addresses: of the host's own resolvers."""

    def __init__(self, answers: Iterable[Answer], stub_addresses: Iterable[Address] = ()) -> None:
        self._answers = {answer.domain: answer for answer in answers}
        self._names: dict[Address, set[str]] = {}
        for name, answer in self._answers.items():
            for address in possible_addresses(answer):
                self._names.setdefault(destination(address), set()).add(name)
        self.statuses: Mapping[AnswerStatus, int] = Counter(one.status for one in self._answers.values())
        self.stub_addresses = frozenset(stub_addresses)
        self.problems: Sequence[str] = ()
        self.unread: Sequence[str] = ()
        self._settled = asyncio.Event()
        reasons = ((name, one.unknown_reasons) for name, one in self._answers.items())
        self._unresolved = {name: why for name, why in reasons if any(why)}
        self._over_limit = {name: answer.more for name, answer in self._answers.items() if answer.more}
        others = ((name, unsure(answer)) for name, answer in self._answers.items())
        self._unsure = {name: one for name, one in others if one is not None and is_unheard(one)}
        self.srv_ports: frozenset[Port] = frozenset(
            record.port for answer in self._answers.values() for record in answer.srv_records or ()
        )

    def answer(self, domain: str) -> Answer:
        answer = self._answers.get(domain)
        return Answer(domain) if answer is None else answer

    def inside(self, prefixes: Collection[Prefix]) -> set[str]:
        wanted = prefixes if isinstance(prefixes, PrefixSet) else PrefixSet(prefixes)
        addresses = wanted.hosts_among(self._names)
        if any(wanted.networks()):
            addresses.update([one for one in self._names.keys() - addresses if wanted.covers(one)])
        return set().union(*map(self._names.__getitem__, addresses))

    def at(self, address: Address) -> Collection[str]:
        return self._names.get(destination(address), ())

    def unresolved(self) -> Mapping[str, tuple[str, str]]:
        return self._unresolved

    def over_limit(self) -> Mapping[str, int]:
        return self._over_limit

    def not_resolved(self) -> Sequence[str]:
        return [name for name, one in self._answers.items() if one.status is not AnswerStatus.RESOLVED]

    def unsure(self) -> Mapping[str, OtherView]:
        return self._unsure

    async def run(self, listener: AnswerListener) -> None:
        for domain in self._answers:
            listener.answer_changed(domain)
        self._settled.set()

    async def settled(self) -> None:
        await self._settled.wait()

    def replace_domains(self, domains: Iterable[str]) -> None:
        raise NotImplementedError("its answers are fixed")

    def follow_held(self, held: Known[tuple[Held, ...]] | Unknown) -> None:
        """The addresses are given."""

    def clients_refused(self, address: Address) -> None:
        """Its answers are all there is."""

    def keep_near(self, domains: Iterable[str]) -> None:
        """The addresses are given."""

    def follow_ipv6(self, *, idle: bool) -> None:
        """Fixed answers do not age."""
