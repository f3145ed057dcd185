"""Counters and histograms, without a lock: all samples come from one loop."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator
from itertools import accumulate

from . import families
from .exposition import labelled, series
from .families import Family

Samples = Iterable[tuple[str, float]]
"""The series of a family, and their values."""

# Exported from the start, so that the first SERVFAIL is an increase instead of a new series.
USUAL_RCODES = ("NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED", "TIMEOUT", "UNREACHABLE")
# RFC 1035, 2136 and 6891. A server can send any of 4096 numbers; all other numbers share a series.
_RARE_RCODES = ("FORMERR", "NOTIMP", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE", "BADVERS")
_KNOWN_RCODES = frozenset((*USUAL_RCODES, *_RARE_RCODES, "MALFORMED"))
OTHER_RCODE = "OTHER"

_DURATIONS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_LAGS = (0.25, 0.5, 1.0, 1.5, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)  # seconds, as the other bounds
_TURNS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Buckets:
    """A histogram. bounds: the ascending upper bounds of all buckets but the last, which has none."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float, count: int = 1) -> None:
        """Count `count` observations of a value."""
        self._counts[bisect_left(self._bounds, value)] += count
        self._sum += value * count

    def samples(self, family: Family) -> Iterator[tuple[str, float]]:
        texts = [*map(repr, self._bounds), "+Inf"]
        for text, count in zip(texts, accumulate(self._counts), strict=True):
            yield labelled(f"{family.name}_bucket", {"le": text}), count
        yield f"{family.name}_count", sum(self._counts)
        yield f"{family.name}_sum", self._sum


class QueryMeter:
    """Implements resolve.upstream.channel.QueryObserver."""

    def __init__(self) -> None:
        self._rcodes = dict.fromkeys(USUAL_RCODES, 0)
        self._durations = Buckets(_DURATIONS)
        self._lags = Buckets(_LAGS)
        self._mismatches = 0
        self.lag: float | None = None
        """Seconds by which the most recent lookups started late."""

    def on_asking(self, names: Collection[bytes], now: float) -> None:
        """What is asked for is counted once it is answered."""

    def on_query(self, rcode: str, seconds: float) -> None:
        """A query ended after some seconds. rcode: an RCODE, or "TIMEOUT" and the like."""
        if rcode not in self._rcodes:
            rcode = rcode if rcode in _KNOWN_RCODES else OTHER_RCODE
            self._rcodes.setdefault(rcode, 0)
        self._rcodes[rcode] += 1
        self._durations.observe(seconds)

    def on_lag(self, seconds: float, count: int) -> None:
        """`count` lookups started `seconds` late."""
        self._lags.observe(seconds, count)
        self.lag = seconds

    def on_mismatch(self) -> None:
        """The lean parser and dnspython disagreed about a response."""
        self._mismatches += 1

    def families(self) -> Iterator[tuple[Family, Samples]]:
        queries, mismatches = families.DNS_QUERIES, families.DNS_PARSER_MISMATCHES
        yield queries, [(series(queries, rcode), count) for rcode, count in self._rcodes.items()]
        yield families.DNS_QUERY_DURATION, self._durations.samples(families.DNS_QUERY_DURATION)
        yield families.DNS_LAG, self._lags.samples(families.DNS_LAG)
        yield mismatches, [(mismatches.name, self._mismatches)]


class LoopMeter:
    """Measures the turns of the event loop."""

    def __init__(self) -> None:
        self._turns = Buckets(_TURNS)

    def on_turn(self, seconds: float) -> None:
        """A turn of the loop took some seconds."""
        self._turns.observe(seconds)

    def families(self) -> Iterator[tuple[Family, Samples]]:
        yield families.LOOP_LAG, self._turns.samples(families.LOOP_LAG)
