"""The engine: every domain's A and AAAA, asked for when due, kept through every failure.

Driven by the loop's callbacks: a bucket of due names, a datagram, a deadline. The only tasks are
those of TCP exchanges, in the TaskGroup of `run`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from lowatch.config.schema import DnsSettings
from lowatch.core.addresses import Address
from lowatch.core.answers import Answer
from lowatch.core.lifecycle import Now

from .channel import Environment, QueryObserver
from .names import Names
from .nameservers import RESOLV_CONF, NameserverSource
from .reader import Reader
from .session import Session


class Clock(Protocol):
    def now(self) -> Now: ...


class _Unobserved:
    def on_query(self, rcode: str, seconds: float) -> None:
        pass

    def on_mismatch(self) -> None:
        pass


class Engine:
    """Keeps an Answer per domain: the application's Resolver.

    An Answer is replaced by another only when its addresses, status, reason or chain changed.
    """

    def __init__(
        self,
        domains: Iterable[str],
        settings: DnsSettings,
        clock: Clock,
        observer: QueryObserver | None = None,
        resolv_conf: Path = RESOLV_CONF,
    ) -> None:
        """domains: lower case A-labels without a trailing dot, asked for as they are (FQDNs)."""
        self._names = Names()
        self._names.replace(domains)
        self._resolv_conf = resolv_conf
        self._source = NameserverSource(settings, resolv_conf)
        self._clock = clock
        self._observer = observer or _Unobserved()
        self._reader = Reader(self._observer)
        self._session: Session | None = None

    @property
    def answers(self) -> Mapping[str, Answer]:
        """The present answer of each domain; a live view."""
        return self._names.answers

    @property
    def stub_addresses(self) -> frozenset[Address]:
        """Where port 53 is one of the nameservers."""
        return self._source.current.stub_addresses

    @property
    def problems(self) -> Sequence[str]:
        """What is wrong with the list of nameservers, one line each."""
        return self._source.current.problems

    async def run(self, changed: Callable[[str], None]) -> None:
        """Resolve until cancelled; then no socket and no timer is left, and it may be run again."""
        async with asyncio.TaskGroup() as tasks:
            environment = Environment(self._now, tasks.create_task, self._observer, self._reader)
            session = self._session = Session(self._names, self._source, environment, changed)
            try:
                session.start()
                await asyncio.get_running_loop().create_future()
            finally:
                self._session = None
                session.close()

    async def settled(self) -> None:
        """Wait until each domain has been asked once, whatever came of it."""
        await self._names.all_asked.wait()

    def replace_domains(self, domains: Iterable[str]) -> None:
        """Follow these from now on; what both the old and the new ones name keeps its state."""
        added = self._names.replace(domains)
        if self._session is not None:
            self._session.add(added)

    def replace_settings(self, settings: DnsSettings) -> None:
        """Ask by these from now on; every answer is kept."""
        self._source = NameserverSource(settings, self._resolv_conf)
        if self._session is not None:
            self._session.replace_source(self._source)

    def _now(self) -> float:
        return self._clock.now().monotonic
