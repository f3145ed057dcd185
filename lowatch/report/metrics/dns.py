"""What the resolver's queries come to, counted at a tenth of what prometheus_client's own instruments cost.

Those take a lock and several calls for each sample, 1.4 us: at 100,000 names that is half a percent of a
core. All of this happens on one loop, and a scrape reads whole numbers.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.metrics_core import CounterMetricFamily, Metric

from . import families
from .histogram import Buckets

# Exported from the start, so that the first SERVFAIL is an increase and not a new series.
USUAL_RCODES = ("NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED", "TIMEOUT", "UNREACHABLE")
# RFC 1035, 2136 and 6891. A server can send any of 4096 numbers: all others share a series.
_RARE_RCODES = ("FORMERR", "NOTIMP", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE", "BADVERS")
_KNOWN_RCODES = frozenset((*USUAL_RCODES, *_RARE_RCODES, "MALFORMED"))
OTHER_RCODE = "OTHER"

_DURATIONS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_LAGS = (0.25, 0.5, 1.0, 1.5, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)


class QueryMeter:
    """Implements resolve.asking.QueryObserver, and is a Collector for a registry."""

    def __init__(self) -> None:
        self._rcodes = dict.fromkeys(USUAL_RCODES, 0)
        self._durations = Buckets(_DURATIONS)
        self._lags = Buckets(_LAGS)
        self._mismatches = 0
        self.lag: float | None = None
        """Seconds that the last lookups began after they were due."""

    def on_query(self, rcode: str, seconds: float) -> None:
        """A query ended, with an RCODE or what took its place, after so long."""
        if rcode not in self._rcodes:
            rcode = rcode if rcode in _KNOWN_RCODES else OTHER_RCODE
            self._rcodes.setdefault(rcode, 0)
        self._rcodes[rcode] += 1
        self._durations.observe(seconds)

    def on_lag(self, seconds: float, count: int) -> None:
        """As many lookups began that long after they were due."""
        self._lags.observe(seconds, count)
        self.lag = seconds

    def on_mismatch(self) -> None:
        """The lean parser and dnspython differed about a response."""
        self._mismatches += 1

    def collect(self) -> Iterable[Metric]:
        family = families.DNS_QUERIES
        queries = CounterMetricFamily(family.name, family.help, labels=family.labels)
        for rcode, count in self._rcodes.items():
            queries.add_metric([rcode], count)
        yield queries
        yield self._durations.metric(families.DNS_QUERY_DURATION)
        yield self._lags.metric(families.DNS_LAG)
        mismatches = families.DNS_PARSER_MISMATCHES
        yield CounterMetricFamily(mismatches.name, mismatches.help, value=self._mismatches)
