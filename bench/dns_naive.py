"""The naive solution: a task per name over dns.asyncresolver.

    python -m bench.dns_naive HOST PORT COUNT TTL SECONDS

Queries the A of each of the zone's first COUNT names every TTL seconds, evenly spread from the start. After
SECONDS it prints its Kept as JSON.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from typing import NamedTuple

import dns.asyncresolver
import dns.exception
import dns.rdatatype

from . import dns_zone
from .dns_self import Span, mebibytes
from .stats import percentile


class Kept(NamedTuple):
    """answered, failed: queries. cpu: share of a core, in percent. mebibytes: VmRSS.

    lag: by how many seconds the queries that were sent were late, p99.
    """

    answered: int
    failed: int
    cpu: float
    mebibytes: float
    lag: float


class Naive:
    def __init__(self, host: str, port: int, ttl: float) -> None:
        self._resolver = dns.asyncresolver.Resolver(configure=False)
        self._resolver.nameservers = [host]
        self._resolver.port = port
        self._ttl = ttl
        self._lag: list[float] = []
        self._answered = 0
        self._failed = 0
        self._is_over = False

    async def run(self, count: int, seconds: float) -> Kept:
        async with asyncio.TaskGroup() as tasks:
            now = time.monotonic() + count * 1e-4  # all tasks exist by then
            following = [
                tasks.create_task(self._follow(name, now + self._ttl * number / count))
                for number, name in enumerate(dns_zone.names(count))
            ]
            await asyncio.sleep(now - time.monotonic())
            span = Span()
            await asyncio.sleep(seconds)
            cost = span.cost(self._answered)
            share = 100 * (cost.user + cost.system) / cost.wall
            lag = percentile(self._lag, 0.99)
            kept = Kept(self._answered, self._failed, share, mebibytes("VmRSS"), lag)
            self._is_over = True  # a resolver in the midst of a query may take the cancellation for its own
            for task in following:
                task.cancel()
        return kept

    async def _follow(self, name: str, due: float) -> None:
        while not self._is_over:
            await asyncio.sleep(due - time.monotonic())
            self._lag.append(time.monotonic() - due)
            try:
                await self._resolver.resolve(name + ".", dns.rdatatype.A, search=False)
                self._answered += 1
            except (dns.exception.DNSException, OSError):
                self._failed += 1
            due += self._ttl


def main() -> None:
    host, port, count, ttl, seconds = sys.argv[1:]
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a socket for each query in progress
    print(json.dumps(asyncio.run(Naive(host, int(port), float(ttl)).run(int(count), float(seconds)))))


if __name__ == "__main__":
    main()
