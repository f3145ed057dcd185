"""The daemon's own metrics, and the part of a scrape's response that follows the audit's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from lowatch.core.limits.limit import Limit
from lowatch.core.limits.table import LIMITS
from lowatch.wire.netlink_reader import FALLBACKS

from . import families
from .exposition import Format, encode, exposition, series
from .families import Family
from .meters import Buckets, LoopMeter, QueryMeter, Samples

NETLINK_GROUPS = ("link", "address", "route", "rule", "nexthop", "destroy")

_NONE: Mapping[tuple[str, str, str], int] = MappingProxyType({})
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
    """The daemon's counters and histograms.

    queries: the resolver's meter. loop: the event loop's meter. limits: count by themselves how often they
    were reached.
    """

    def __init__(self, build: Build, limits: Sequence[Limit] = LIMITS) -> None:
        self._limits = limits
        self.queries = QueryMeter()
        self.loop = LoopMeter()
        self._events = dict.fromkeys(NETLINK_GROUPS, 0)
        self.overruns = self.resyncs = 0
        self.audit_seconds: float | None = None
        """The duration of the last audit."""
        self._audits = 0
        self._audit_duration = Buckets(_AUDIT_BUCKETS)
        self._reload_successful = False
        self._reload_timestamp = 0.0
        self._series_dropped = 0
        self.reload_pending: tuple[str, ...] = ()
        """The configuration keys whose new value needs a restart."""
        self._build = build

    def netlink_event(self, group: str, count: int = 1) -> None:
        """group: one of NETLINK_GROUPS."""
        self._events[group] += count

    def netlink_overrun(self) -> None:
        self.overruns += 1

    def netlink_resync(self) -> None:
        self.resyncs += 1

    def audited(self, seconds: float) -> None:
        """An audit ended, after some seconds."""
        self._audits += 1
        self.audit_seconds = seconds
        self._audit_duration.observe(seconds)

    def config_loaded(self, wall: float) -> None:
        """The configuration was loaded, at the start or by a reload. wall: Unix time."""
        self._reload_successful, self._reload_timestamp = True, wall

    def config_refused(self) -> None:
        """A reload failed: the previous configuration is kept."""
        self._reload_successful = False

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
        refused: Mapping[tuple[str, str, str], int] = _NONE,
    ) -> bytes:
        """The response to a scrape after the audit's families (AuditEncoder).

        series_dropped: the series that this scrape left out. journal_dropped: the total of entries so far.
        refused: the failed connects of local clients by interface, address and port.
        """
        self._series_dropped += series_dropped
        return encode(
            (
                *(
                    line
                    for family, samples in (*self._families(), *self._others(journal_dropped, refused))
                    for line in exposition(family, samples, form)
                ),
                *_process(usage, form),
                form.end,
            )
        )

    def _families(self) -> Iterator[tuple[Family, Samples]]:
        """What is counted here."""
        yield from self.queries.families()
        yield from self.loop.families()
        events = families.NETLINK_EVENTS
        yield events, [(series(events, group), count) for group, count in self._events.items()]
        yield _single(families.NETLINK_OVERRUNS, self.overruns)
        yield _single(families.NETLINK_RESYNCS, self.resyncs)
        yield _single(families.AUDITS, self._audits)
        yield families.AUDIT_DURATION, self._audit_duration.samples(families.AUDIT_DURATION)
        yield _single(families.CONFIG_RELOAD_SUCCESSFUL, self._reload_successful)
        yield _single(families.CONFIG_RELOAD_TIMESTAMP, self._reload_timestamp)
        yield _single(families.SERIES_DROPPED, self._series_dropped)
        yield families.BUILD_INFO, [(series(families.BUILD_INFO, *self._build), 1)]

    def _others(
        self, journal_dropped: int, refused: Mapping[tuple[str, str, str], int]
    ) -> Iterator[tuple[Family, Samples]]:
        """What is counted elsewhere."""
        pending, reached = families.RELOAD_PENDING, families.LIMIT_REACHED
        yield pending, [(series(pending, key), 1) for key in self.reload_pending]
        yield _single(families.NETLINK_FALLBACKS, FALLBACKS.times)
        connects = families.REFUSED_CONNECTS
        yield connects, [(series(connects, *labels), count) for labels, count in refused.items()]
        yield _single(families.JOURNAL_DROPPED, journal_dropped)
        yield reached, [(series(reached, one.name), one.times) for one in self._limits]


def _single(family: Family, value: float) -> tuple[Family, Samples]:
    """A family of one series without labels."""
    return family, [(family.name, value)]


def _process(usage: ProcessUsage, form: Format) -> Iterator[str]:
    for family, value in zip(families.PROCESS_FAMILIES, usage, strict=True):
        if value is not None:
            yield from exposition(family, [(family.name, value)], form)
