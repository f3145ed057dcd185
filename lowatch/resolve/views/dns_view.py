"""What ViewsResolver needs from DNS. The Engine implements it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from lowatch.config.settings import Nameserver
from lowatch.core.addresses import Address, Prefix
from lowatch.core.answers import AnswerListener
from lowatch.core.held import Held
from lowatch.core.known import Known, Unknown

from .merged_answers import DnsAnswers


class Dns(Protocol):
    """Queries DNS and reports changed answers to its listener. Methods are as in app.ports.Resolver."""

    @property
    def answer_book(self) -> DnsAnswers:
        """The answers."""

    @property
    def stub_addresses(self) -> frozenset[Address]: ...

    @property
    def nameservers(self) -> Collection[Nameserver]:
        """The nameservers in use."""

    @property
    def problems(self) -> Sequence[str]: ...

    async def run(self, listener: AnswerListener) -> None: ...

    async def settled(self) -> None: ...

    def replace_domains(self, domains: Iterable[str]) -> None: ...

    def follow_ipv6(self, *, idle: bool) -> None: ...

    def follow_held(self, held: Known[tuple[Held, ...]] | Unknown) -> Sequence[Prefix]:
        """Returns what was added since the last call."""

    def clients_refused(self, address: Address) -> None: ...

    def keep_near(self, domains: Iterable[str]) -> None: ...

    def ask_soon(self, domain: str) -> None: ...
