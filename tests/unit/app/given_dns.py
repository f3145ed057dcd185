"""A DNS beyond the stub whose answers a test gives."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lowatch.core.addresses import Address, Port, parse_address
from lowatch.core.answers import NOT_ASKED, Answer, AnswerListener, SrvRecord
from lowatch.core.reverse_names import reverse_name
from tests.unit.core.worlds import answer


@dataclass
class GivenDns:
    """Implements app.candidates.UpstreamDns. domains: what it is to follow."""

    answers: dict[str, Answer] = field(default_factory=dict)
    failures: dict[str, tuple[str, str]] = field(default_factory=dict)
    over: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    domains: list[str] = field(default_factory=list)
    listener: AnswerListener | None = None

    def answer(self, domain: str) -> Answer:
        return self.answers.get(domain, Answer(domain))

    def unresolved(self) -> Mapping[str, tuple[str, str]]:
        unasked = {name: (NOT_ASKED.reason,) * 2 for name in self.domains if name not in self.answers}
        return {**unasked, **self.failures}

    def over_limit(self) -> Mapping[str, int]:
        return self.over

    def replace_domains(self, domains: Iterable[str]) -> None:
        self.domains = list(domains)

    async def run(self, listener: AnswerListener) -> None:
        self.listener = listener
        await asyncio.get_running_loop().create_future()

    async def settled(self) -> None:
        pass

    def names(self, address: Address, **targets: str) -> None:
        """The PTR records of an address, with the address that each target has."""
        name = reverse_name(address)
        records = tuple(
            SrvRecord(target.replace("_", "."), Port(0, "tcp"), (parse_address(text),))
            for target, text in targets.items()
        )
        self.answers[name] = Answer(name, srv_records=records)
        self._tell(name)

    def leads(self, name: str, *addresses: Address) -> None:
        self.answers[name] = answer(*addresses, name=name)
        self._tell(name)

    def _tell(self, name: str) -> None:
        if self.listener is not None:
            self.listener.answer_changed(name)
