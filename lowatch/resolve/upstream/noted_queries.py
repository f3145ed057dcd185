"""Notes which names are queried, beside counting the queries."""

from __future__ import annotations

from collections.abc import Collection

from lowatch.core.own_lookups import OwnLookups

from .channel import QueryObserver


class NotedQueries:
    """A QueryObserver that tells another one everything."""

    def __init__(self, counted: QueryObserver, own: OwnLookups) -> None:
        self._counted = counted
        self._own = own

    def on_asking(self, names: Collection[bytes], now: float) -> None:
        self._own.asking(names, now)
        self._counted.on_asking(names, now)

    def on_query(self, rcode: str, seconds: float) -> None:
        self._counted.on_query(rcode, seconds)

    def on_lag(self, seconds: float, count: int) -> None:
        self._counted.on_lag(seconds, count)

    def on_mismatch(self) -> None:
        self._counted.on_mismatch()
