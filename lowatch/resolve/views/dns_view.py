"""The DNS view, as the views over it see it: the engine, in the daemon."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from lowatch.config.settings import Nameserver
from lowatch.core.addresses import Address
from lowatch.core.answers import AnswerListener

from .merged_answers import DnsAnswers


class Dns(Protocol):
    """Asks DNS, and tells its listener which answers changed: methods as in the application's Resolver."""

    @property
    def answer_book(self) -> DnsAnswers:
        """What it knows of each name."""

    @property
    def stub_addresses(self) -> frozenset[Address]: ...

    @property
    def nameservers(self) -> Collection[Nameserver]:
        """Who is asked."""

    @property
    def problems(self) -> Sequence[str]: ...

    async def run(self, listener: AnswerListener) -> None: ...

    async def settled(self) -> None: ...

    def replace_domains(self, domains: Iterable[str]) -> None: ...

    def follow_ipv6(self, *, idle: bool) -> None: ...

    def ask_soon(self, domain: str) -> None: ...
