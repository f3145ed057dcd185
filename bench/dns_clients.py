"""DNS clients, each run as a process of its own: `python -m bench.dns_clients CLIENT HOST PORT COUNT`.

Prints the Cost of each turn as JSON. A turn queries the first COUNT names of the zone. Its cost is that
from the first query to the last answer, without imports and preparations.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import sys
from collections.abc import Awaitable, Callable, Collection

import dns.asyncresolver
import dns.rdatatype

from lowatch.config.settings import DnsSettings, Nameserver, Transport
from lowatch.core.answers import AnswerStatus
from lowatch.resolve.engine import Engine
from lowatch.wiring import SystemClock, collect_rarely

from . import dns_zone
from .dns_self import Cost, Span

IN_FLIGHT = 100
_PATIENCE = 60.0


class _Queries:
    """A QueryObserver that counts queries."""

    def __init__(self) -> None:
        self._left = 0
        self._over = asyncio.Event()

    def on_asking(self, names: Collection[bytes], now: float) -> None:
        pass

    def on_query(self, rcode: str, _seconds: float) -> None:
        assert rcode == "NOERROR", rcode
        self._left -= 1
        if self._left == 0:
            self._over.set()

    def on_lag(self, seconds: float, count: int) -> None:
        pass

    def on_mismatch(self) -> None:
        raise AssertionError

    async def next(self, count: int) -> None:
        """Waits until that many more queries have been answered."""
        self._left = count
        self._over.clear()
        async with asyncio.timeout(_PATIENCE):
            await self._over.wait()


class _Nobody:
    """An AnswerListener that ignores everything."""

    def answer_changed(self, domain: str) -> None:
        pass


async def engine(server: Nameserver, count: int) -> list[Cost]:
    """lowatch: every name is resolved, A and AAAA; then all are queried again, with the same answers."""
    settings = DnsSettings(nameservers=(server,), max_qps=1_000_000, min_ttl=3600.0, max_ttl=3600.0)
    queries = _Queries()
    resolver = Engine(dns_zone.names(count), settings, SystemClock(), queries)
    collect_rarely()  # as the daemon does
    async with asyncio.TaskGroup() as tasks:
        gc.collect()
        first = Span()
        running = tasks.create_task(resolver.run(_Nobody()))
        async with asyncio.timeout(_PATIENCE):
            await resolver.settled()
        costs = [first.cost(2 * count)]
        resolver.replace_settings(settings)  # so every name is queried again
        again = Span()
        await queries.next(2 * count)
        costs.append(again.cost(2 * count))
        running.cancel()
    assert resolver.statuses[AnswerStatus.RESOLVED] == count, resolver.statuses
    return costs


async def engine_tcp(server: Nameserver, count: int) -> list[Cost]:
    """The same over one TCP connection."""
    return await engine(server._replace(transport=Transport.TCP), count)


async def asyncresolver(server: Nameserver, count: int) -> list[Cost]:
    """dnspython without its cache. Queries only A."""
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [server.host]
    resolver.port = server.port
    resolver.cache = None

    async def ask(name: str) -> None:
        answer = await resolver.resolve(name + ".", dns.rdatatype.A, search=False)
        assert len(answer) == 1

    return await _a_task_each(ask, count)


async def aiodns(server: Nameserver, count: int) -> list[Cost]:
    """c-ares. Queries only A, and each name once, so that its cache does not matter."""
    resolver = importlib.import_module("aiodns").DNSResolver([f"{server.host}:{server.port}"])

    async def ask(name: str) -> None:
        answer = await resolver.query_dns(name, "A")
        assert len(answer.answer) == 1

    return await _a_task_each(ask, count)


async def _a_task_each(ask: Callable[[str], Awaitable[None]], count: int) -> list[Cost]:
    turn = asyncio.Semaphore(IN_FLIGHT)

    async def follow(name: str) -> None:
        async with turn:
            await ask(name)

    names = dns_zone.names(count)
    gc.collect()
    span = Span()
    async with asyncio.TaskGroup() as tasks:
        for name in names:
            tasks.create_task(follow(name))
    return [span.cost(count)]


CLIENTS = {client.__name__: client for client in (engine, engine_tcp, asyncresolver, aiodns)}


def main() -> None:
    client, host, port, count = sys.argv[1:]
    print(json.dumps(asyncio.run(CLIENTS[client](Nameserver(host, int(port)), int(count)))))


if __name__ == "__main__":
    main()
