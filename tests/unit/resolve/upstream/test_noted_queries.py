"""What is asked for is noted, and everything else is passed on."""

from __future__ import annotations

from lowatch.core.own_lookups import OwnLookups
from lowatch.resolve.upstream.noted_queries import NotedQueries
from tests.unit.resolve.asking import Counts

WWW = b"\3www\7example\3com\0"


def test_names_are_noted_and_queries_counted() -> None:
    own, counts = OwnLookups(), Counts()
    noted = NotedQueries(counts, own)
    noted.on_asking([WWW], 5.0)
    noted.on_query("NOERROR", 0.1)
    noted.on_lag(0.5, 2)
    noted.on_mismatch()
    assert own.has(WWW, 5.0)
    assert (counts.seen, counts.lags, counts.mismatches) == ([("NOERROR", 0.1)], [0.5, 0.5], 1)
