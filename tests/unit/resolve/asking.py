"""Asking a scripted server through the whole engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from lowatch.config.settings import DnsSettings, Nameserver
from lowatch.core.addresses import NO_LOCAL_PREFIXES, LocalPrefixes
from lowatch.core.answers import Answer, RRset
from lowatch.core.clock import Clock
from lowatch.resolve.engine import Engine
from tests.support.dns_server import Query, ScriptedServer, respond, soa
from tests.support.virtual_time import LoopClock

WWW = "www.example.com"
ADDRESS = "192.0.2.10"


def address_only(query: Query, address: str = ADDRESS, ttl: int = 60) -> list[bytes]:
    """One A record for every name, and NODATA for AAAA."""
    if query.rrtype == "A":
        return [respond(query, f"{query.name}. {ttl} IN A {address}")]
    return [respond(query)]


class Counts:
    """A QueryObserver that keeps what it was told."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, float]] = []
        self.lags: list[float] = []
        self.mismatches = 0

    def on_asking(self, names: Collection[bytes], now: float) -> None:
        pass

    def on_query(self, rcode: str, seconds: float) -> None:
        self.seen.append((rcode, seconds))

    def on_lag(self, seconds: float, count: int) -> None:
        self.lags += [seconds] * count

    def on_mismatch(self) -> None:
        self.mismatches += 1

    @property
    def rcodes(self) -> list[str]:
        return sorted(rcode for rcode, _ in self.seen)


class Asking:
    """An engine, running. changes: the Answers it announced, in order."""

    def __init__(self, engine: Engine, counts: Counts) -> None:
        self.engine = engine
        self.counts = counts
        self.changes: list[Answer] = []

    def answer_changed(self, domain: str) -> None:
        self.changes.append(self.engine.answer(domain))

    def a(self, domain: str = WWW) -> RRset:
        return self.engine.answer(domain).a


@asynccontextmanager
async def running(
    *servers: ScriptedServer | Nameserver,
    domains: Iterable[str] = (WWW,),
    resolv_conf: Path | None = None,
    local: LocalPrefixes = NO_LOCAL_PREFIXES,
    clock: Clock | None = None,
    **settings: float,
) -> AsyncIterator[Asking]:
    """An engine that has asked for each domain once. With resolv_conf, that names the servers."""
    names = tuple(s.nameserver if isinstance(s, ScriptedServer) else s for s in servers)
    dns = DnsSettings(None if resolv_conf else names, **settings)  # type: ignore[arg-type]
    counts = Counts()
    clock, path = clock or LoopClock(), resolv_conf or Path("/nowhere")
    engine = Engine(domains, dns, clock, counts, path, local=local)
    asking = Asking(engine, counts)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(engine.run(asking))
        try:
            await engine.settled()
            await asyncio.sleep(0)  # so that the listener has been called
            yield asking
        finally:
            task.cancel()


async def ask(*servers: ScriptedServer | Nameserver, **settings: float) -> RRset:
    """What the A record of WWW comes to when asked for once."""
    async with running(*servers, **settings) as asking:
        return asking.a()


class Zone:
    """A script whose answers the test changes as it goes."""

    def __init__(self) -> None:
        self.address = ADDRESS
        self.ttl = 60
        self.rcode = "NOERROR"
        self.silent = False

    def __call__(self, query: Query) -> Iterable[bytes]:
        if self.silent:
            return []
        if self.rcode == "NOERROR":
            return address_only(query, self.address, self.ttl)
        authority = [soa("example.com.")] if self.rcode == "NXDOMAIN" else []
        return [respond(query, rcode=self.rcode, authority=authority)]


def a_queries(server: ScriptedServer) -> list[Query]:
    return [query for query in server.queries if query.rrtype == "A"]
