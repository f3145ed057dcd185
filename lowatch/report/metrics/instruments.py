"""What the daemon counts for as long as it lives, and the whole of what a scrape is answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import Metric

from lowatch.core.limits import LIMITS, Limit

from . import families
from .dns import QueryMeter
from .exposition import Format, encode, escape, exposition, labelled, series
from .families import Family
from .histogram import LoopMeter

NETLINK_GROUPS = ("link", "address", "route", "rule", "nexthop", "destroy")

_AUDIT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Build(NamedTuple):
    """The labels of lowatch_build_info. "" for a library that is not there."""

    version: str
    python: str = ""
    dnspython: str = ""
    pyroute2: str = ""


class ProcessUsage(NamedTuple):
    """What the kernel says of this process. None: it could not be read, and has no series.

    cpu_seconds: user and system. started: Unix time. resident, virtual: bytes.
    """

    cpu_seconds: float | None = None
    resident: int | None = None
    virtual: int | None = None
    started: float | None = None
    open_fds: int | None = None
    max_fds: int | None = None


class Instruments:
    """The daemon's counters and histograms, in a registry of their own.

    queries: the resolver's. loop: the event loop's. limits: the process's bounds, which count for
    themselves.
    """

    def __init__(self, build: Build, limits: Sequence[Limit] = LIMITS) -> None:
        self._limits = limits
        self._registry = CollectorRegistry()
        self.queries = QueryMeter()
        self._registry.register(self.queries)
        self.loop = LoopMeter()
        self._registry.register(self.loop)
        events = self._counter(families.NETLINK_EVENTS)
        self._events = {group: events.labels(group) for group in NETLINK_GROUPS}
        self._overruns = self._counter(families.NETLINK_OVERRUNS)
        self._resyncs = self._counter(families.NETLINK_RESYNCS)
        self.overruns = self.resyncs = 0
        self.audit_seconds: float | None = None
        """How long the last audit took."""
        self._audits = self._counter(families.AUDITS)
        self._audit_duration = self._histogram(families.AUDIT_DURATION, _AUDIT_BUCKETS)
        self._reload_successful = self._gauge(families.CONFIG_RELOAD_SUCCESSFUL)
        self._reload_timestamp = self._gauge(families.CONFIG_RELOAD_TIMESTAMP)
        self._series_dropped = self._counter(families.SERIES_DROPPED)
        self.reload_pending: Sequence[str] = ()
        """The keys that take a restart."""
        self._gauge(families.BUILD_INFO).labels(*build).set(1)

    def netlink_event(self, group: str, count: int = 1) -> None:
        """group: one of NETLINK_GROUPS."""
        self._events[group].inc(count)

    def netlink_overrun(self) -> None:
        self._overruns.inc()
        self.overruns += 1

    def netlink_resync(self) -> None:
        self._resyncs.inc()
        self.resyncs += 1

    def audited(self, seconds: float) -> None:
        """An audit was made, and took that long."""
        self._audits.inc()
        self.audit_seconds = seconds
        self._audit_duration.observe(seconds)

    def config_loaded(self, wall: float) -> None:
        """At the start, and whenever a reload succeeds. wall: Unix time."""
        self._reload_successful.set(1)
        self._reload_timestamp.set(wall)

    def config_refused(self) -> None:
        """A reload failed: the previous configuration is kept."""
        self._reload_successful.set(0)

    def scrape(
        self,
        usage: ProcessUsage,
        form: Format = Format.TEXT,
        *,
        series_dropped: int = 0,
        journal_dropped: int = 0,
    ) -> bytes:
        """What comes behind the audit's families (AuditEncoder), to the end.

        series_dropped: by this scrape. journal_dropped: so far, in all.
        """
        self._series_dropped.inc(series_dropped)
        journal, reached = families.JOURNAL_DROPPED, families.LIMIT_REACHED
        pending = [(series(families.RELOAD_PENDING, key), 1) for key in self.reload_pending]
        return encode(
            (
                *_collected(self._registry.collect(), form),
                *exposition(families.RELOAD_PENDING, pending, form),
                *exposition(journal, [(journal.name, journal_dropped)], form),
                *exposition(
                    reached, [(series(reached, one.name), one.times) for one in self._limits], form
                ),
                *_process(usage, form),
                form.end,
            )
        )

    def _counter(self, family: Family) -> Counter:
        return Counter(family.name, family.help, family.labels, registry=self._registry)

    def _gauge(self, family: Family) -> Gauge:
        return Gauge(family.name, family.help, family.labels, registry=self._registry)

    def _histogram(self, family: Family, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(family.name, family.help, registry=self._registry, buckets=buckets)


_BY_NAME = {family.name: family for family in families.OF_THE_DAEMON}


def _collected(metrics: Iterable[Metric], form: Format) -> Iterator[str]:
    """The `_created` that prometheus_client puts beside each counter is noise."""
    for metric in metrics:
        family = _BY_NAME[metric.name + "_total" if metric.type == "counter" else metric.name]
        samples = (
            (labelled(name, {label: escape(text) for label, text in labels.items()}), value)
            for name, labels, value, *_ in metric.samples
            if not name.endswith("_created")
        )
        yield from exposition(family, samples, form)


def _process(usage: ProcessUsage, form: Format) -> Iterator[str]:
    for family, value in zip(families.OF_THE_PROCESS, usage, strict=True):
        if value is not None:
            yield from exposition(family, [(family.name, value)], form)
