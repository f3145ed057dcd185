"""A LookupSink that keeps what it is told."""

from __future__ import annotations

import asyncio

from lowatch.core.addresses import Address, parse_address
from lowatch.core.name_sources import NameSource
from lowatch.wire.lookup import Lookup
from lowatch.wire.resolved_monitor import listed

VIP, CLIENT = map(parse_address, ("192.0.2.10", "127.0.0.1"))


class Collected:
    """found: in order. Of a million names that nobody waits for, only the number is kept."""

    def __init__(self, *held: Address) -> None:
        self.held = frozenset(held or (VIP,))
        self.held_as_listed = frozenset(map(listed, self.held))
        self.found: list[tuple[Lookup, NameSource]] = []
        self.count = 0
        self._news = asyncio.Event()

    def looked_up(self, lookup: Lookup, source: NameSource) -> None:
        self.count += 1
        if len(self.found) < 100:
            self.found.append((lookup, source))
        self._news.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(60):
            while self.count < count:
                self._news.clear()
                await self._news.wait()
