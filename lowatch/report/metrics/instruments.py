"""The daemon's own metrics, and the part of a scrape's response that follows the audit's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import Metric

from lowatch.core.limits.limit import Limit
from lowatch.core.limits.table import LIMITS

from . import families
from .exposition import Format, encode, escape, exposition, labelled, series
from .families import Family
from .meters import (
    LoopMeter,
    QueryMeter,
)

NETLINK_GROUPS = ("link", "address", "route", "rule", "nexthop", "destroy")

_AUDIT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Build(NamedTuple):
    """The labels of lowatch_build_info. A library that is not installed has ""."""

    version: str
    python: str = ""
    dnspython: str = ""
    pyroute2: str = ""


class ProcessUsage(NamedTuple):
    """The kernel's figures for this process. None: not readable, so there is no series.

    cpu_seconds: user and system time. started: Unix time. resident, virtual: bytes.
    """

    cpu_seconds: float | None = None
    resident: int | None = None
    virtual: int | None = None
    started: float | None = None
    open_fds: int | None = None
    max_fds: int | None = None


class Instruments:
    """The daemon's counters and histograms, in a registry of their own.

    queries: the resolver's meter. loop: the event loop's meter. limits: count by themselves how often they
    were reached.
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
        """The duration of the last audit."""
        self._audits = self._counter(families.AUDITS)
        self._audit_duration = self._histogram(families.AUDIT_DURATION, _AUDIT_BUCKETS)
        self._reload_successful = self._gauge(families.CONFIG_RELOAD_SUCCESSFUL)
        self._reload_timestamp = self._gauge(families.CONFIG_RELOAD_TIMESTAMP)
        self._series_dropped = self._counter(families.SERIES_DROPPED)
        self.reload_pending: tuple[str, ...] = ()
        """The configuration keys whose new value needs a restart."""
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
        """An audit ended, after some seconds."""
        self._audits.inc()
        self.audit_seconds = seconds
        self._audit_duration.observe(seconds)

    def config_loaded(self, wall: float) -> None:
        """The configuration was loaded, at the start or by a reload. wall: Unix time."""
        self._reload_successful.set(1)
        self._reload_timestamp.set(wall)

    def config_refused(self) -> None:
        """A reload failed: the previous configuration is kept."""
        self._reload_successful.set(0)

    def restart_pending(self, keys: Iterable[str]) -> None:
        """The configuration was loaded or refused. keys: those whose new value needs a restart."""
        self.reload_pending = tuple(keys)

    def scrape(
        self,
        usage: ProcessUsage,
        form: Format = Format.TEXT,
        *,
        series_dropped: int = 0,
        journal_dropped: int = 0,
    ) -> bytes:
        """The response to a scrape after the audit's families (AuditEncoder).

        series_dropped: the series that this scrape left out. journal_dropped: the total of entries so far.
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


_BY_NAME = {family.name: family for family in families.DAEMON_FAMILIES}


def _collected(metrics: Iterable[Metric], form: Format) -> Iterator[str]:
    """The lines of prometheus_client's metrics, without the `_created` that it adds to each counter."""
    for metric in metrics:
        family = _BY_NAME[metric.name + "_total" if metric.type == "counter" else metric.name]
        samples = (
            (labelled(name, {label: escape(text) for label, text in labels.items()}), value)
            for name, labels, value, *_ in metric.samples
            if not name.endswith("_created")
        )
        yield from exposition(family, samples, form)


def _process(usage: ProcessUsage, form: Format) -> Iterator[str]:
    for family, value in zip(families.PROCESS_FAMILIES, usage, strict=True):
        if value is not None:
            yield from exposition(family, [(family.name, value)], form)
