"""The unhealthy endpoints, by domain, and which to poll next, because no event reports a recovery."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from lowatch.core.listeners import Endpoint

LIGHT = 8
"""Endpoints up to which a domain counts as one with few."""
POLLED_AT_ONCE = 1024
"""Endpoints per poll, which takes 5 ms. If there are more, domains take turns."""


class Unhealthy:
    """changes: grows whenever the set of unhealthy endpoints changes."""

    def __init__(self) -> None:
        self._endpoints: dict[str, tuple[Endpoint, ...]] = {}
        self._few: deque[str] = deque()
        self._many: deque[str] = deque()
        """Domains to poll, in the order of their turns; some may have recovered."""
        self._queued: set[str] = set()
        """The domains in either queue, each once."""
        self.changes = 0

    def __bool__(self) -> bool:
        return bool(self._endpoints)

    def of(self, name: str) -> tuple[Endpoint, ...]:
        """The unhealthy endpoints of a domain."""
        return self._endpoints.get(name, ())

    def replace(self, name: str, endpoints: Iterable[Endpoint]) -> None:
        """Set the unhealthy endpoints of a domain; none if all have recovered."""
        before, after = self.of(name), tuple(endpoints)
        if after == before:
            return
        self.changes += 1
        if not after:
            del self._endpoints[name]
            return
        self._endpoints[name] = after
        if name not in self._queued:
            self._queued.add(name)
            self._queue_of(name).append(name)

    def next(self) -> list[str]:
        """The domains to poll next. Those with few endpoints and those with many take turns separately."""
        return [*self._next_of(self._few), *self._next_of(self._many)]

    def _next_of(self, waiting: deque[str]) -> list[str]:
        names, count = [], 0
        for _ in range(len(waiting)):
            name = waiting.popleft()
            if name not in self._endpoints:
                self._queued.discard(name)
                continue
            its = self._queue_of(name)  # it may have come to have many, or few
            its.append(name)
            if its is waiting:
                names.append(name)
                count += len(self._endpoints[name])
            if count >= POLLED_AT_ONCE // 2:
                break
        return names

    def _queue_of(self, name: str) -> deque[str]:
        return self._many if len(self._endpoints[name]) > LIGHT else self._few
