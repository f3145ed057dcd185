"""A DNS view with the answers that a test sets: only the methods that ViewsResolver needs."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from lowatch.config.settings import Nameserver
from lowatch.core.addresses import Address, Port, Prefix, PrefixSet, destination, parse_address
from lowatch.core.answers import NOT_ASKED, Answer, AnswerListener, AnswerStatus, RRset
from lowatch.core.held import Held
from lowatch.core.known import Known, Unknown
from lowatch.resolve.records.srv import Target, srv_answer


def rrset(*addresses: str, synthesised: tuple[str, ...] = ()) -> RRset:
    status = AnswerStatus.RESOLVED if addresses else AnswerStatus.NODATA
    return RRset(
        status, tuple(map(parse_address, addresses)), synthesised=tuple(map(parse_address, synthesised))
    )


def resolved(domain: str, *addresses: str) -> Answer:
    v4 = [address for address in addresses if ":" not in address]
    v6 = [address for address in addresses if ":" in address]
    return Answer(domain, rrset(*v4), rrset(*v6))


def failing(domain: str) -> Answer:
    rrset = RRset(AnswerStatus.UNKNOWN, reason="SERVFAIL")
    return Answer(domain, rrset, rrset)


class GivenDns:
    def __init__(self, *answers: Answer) -> None:
        self.answers = {answer.domain: answer for answer in answers}
        self.answer_book = self
        self.srv_ports: frozenset[Port] = frozenset()
        self.stub_addresses = frozenset({parse_address("127.0.0.53")})
        self.nameservers: tuple[Nameserver, ...] = ()
        self.problems: list[str] = []
        self.srv_records: dict[str, tuple[RRset, list[Target]]] = {}
        self.asked_again: list[str] = []
        self.added: Sequence[Prefix] = ()
        self.near: set[str] = set()
        self.refused: list[Address] = []
        self.asked = asyncio.Event()
        self.asked.set()
        self.listener: AnswerListener | None = None
        self._unresolved: Mapping[str, tuple[str, str]] = {}

    def give(self, *answers: Answer) -> None:
        for answer in answers:
            self.answers[answer.domain] = answer
            if self.listener is not None:
                self.listener.answer_changed(answer.domain)

    def answer(self, domain: str) -> Answer:
        return self.answers.get(domain) or Answer(domain, NOT_ASKED, NOT_ASKED)

    def targets(self, domain: str) -> tuple[RRset, list[Target]]:
        return self.srv_records.get(domain, (NOT_ASKED, []))

    def target(self, name: str) -> Answer:
        found = (one for _, targets in self.srv_records.values() for one in targets if one.name == name)
        return next((Answer(name, one.a, one.aaaa) for one in found), Answer(name))

    def target_names(self, domain: str) -> list[str]:
        return [one.name for one in self.targets(domain)[1]]

    def give_srv(self, domain: str, *targets: Target) -> None:
        srv = RRset(AnswerStatus.RESOLVED)
        self.srv_records[domain] = srv, list(targets)
        self.give(srv_answer(domain, srv, targets))

    def inside(self, prefixes: Collection[Prefix]) -> set[str]:
        return self._leading(PrefixSet(prefixes).covers)

    def at(self, address: Address) -> Collection[str]:
        return self._leading(lambda one: one == destination(address))

    def _leading(self, wanted: Callable[[Address], bool]) -> set[str]:
        return {n for n, answer in self.answers.items() if any(map(wanted, answer.addresses))}

    @property
    def statuses(self) -> Mapping[AnswerStatus, int]:
        return Counter(answer.status for answer in self.answers.values())

    def unresolved(self) -> Mapping[str, tuple[str, str]]:
        found = {n: (a.a.reason, a.aaaa.reason) for n, a in self.answers.items() if a.unknown is not None}
        if found != self._unresolved:
            self._unresolved = found
        return self._unresolved

    def over_limit(self) -> Mapping[str, int]:
        return {name: answer.more for name, answer in self.answers.items() if answer.more}

    def not_resolved(self) -> Sequence[str]:
        return [name for name, one in self.answers.items() if one.status is not AnswerStatus.RESOLVED]

    async def run(self, listener: AnswerListener) -> None:
        self.listener = listener
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.listener = None

    async def settled(self) -> None:
        await self.asked.wait()

    def ask_soon(self, domain: str) -> None:
        self.asked_again.append(domain)

    def follow_held(self, held: Known[tuple[Held, ...]] | Unknown) -> Sequence[Prefix]:
        return self.added

    def clients_refused(self, address: Address) -> None:
        self.refused.append(address)

    def keep_near(self, domains: Iterable[str]) -> None:
        self.near.update(domains)

    def follow_ipv6(self, *, idle: bool) -> None:
        self.ipv6_idle = idle

    def replace_domains(self, domains: Iterable[str]) -> None:
        self.answers = {domain: self.answer(domain) for domain in domains}
