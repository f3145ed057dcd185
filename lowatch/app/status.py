"""The daemon's own status: for the service manager in one line, for `lowatch status` in full."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lowatch.core.answers import AnswerStatus
from lowatch.core.clock import Clock, Now
from lowatch.core.lifecycle import Tracked
from lowatch.core.limits.table import LIMITS
from lowatch.core.liveness import LivenessMonitor
from lowatch.core.programs import TraceState
from lowatch.report.status import DaemonStatus, LastReload, ZoneStatus
from lowatch.report.text.status_line import starting_line, status_line, waits_for

from .config_in_force import ConfigInForce
from .shown_audit import ShownAudit

if TYPE_CHECKING:
    from lowatch.config.zones.read import ReadZone


class Found(Protocol):
    """The daemon, as far as its status goes."""

    @property
    def ready(self) -> bool: ...

    @property
    def held(self) -> int | None: ...

    @property
    def tracked(self) -> Iterable[Tracked]: ...


class Asking(Protocol):
    """The resolver's engine."""

    @property
    def unasked(self) -> int:
        """How many A and AAAA have never been asked for."""

    @property
    def resting(self) -> int:
        """How many names are asked for once per far_ttl only."""


class Answering(Protocol):
    """The resolver."""

    @property
    def statuses(self) -> Mapping[AnswerStatus, int]: ...


class Alerting(Protocol):
    """The journal's sink."""

    @property
    def waiting(self) -> int: ...

    @property
    def dropped(self) -> int: ...


class QueryLag(Protocol):
    @property
    def lag(self) -> float | None:
        """Seconds by which the last lookups were late; None before the first."""


class Counted(Protocol):
    """The instruments. audit_seconds: how long the last audit took."""

    audit_seconds: float | None
    overruns: int
    resyncs: int

    @property
    def queries(self) -> QueryLag: ...


class Traced(Protocol):
    """The host."""

    @property
    def trace(self) -> TraceState | None: ...


class Reloading(Protocol):
    last: LastReload | None


@dataclass(frozen=True, kw_only=True)
class StatusReporter:
    """Gathers the status from all parts of the daemon. started: when the daemon started."""

    version: str
    pid: int
    started: Now
    daemon: Found
    shown: ShownAudit
    host: Traced
    engine: Asking
    resolver: Answering
    config: ConfigInForce
    alerts: Alerting
    counted: Counted
    reload: Reloading
    monitor: LivenessMonitor
    clock: Clock

    def line(self) -> str:
        statuses = self.resolver.statuses
        if not self.daemon.ready:
            return starting_line(statuses, self.engine.unasked)
        return status_line(self.daemon.held, statuses, self.daemon.tracked, searched=self.config.searched)

    def status(self) -> DaemonStatus:
        """As of now."""
        now, config, counted = self.clock.now(), self.config.current, self.counted
        return DaemonStatus(
            version=self.version,
            pid=self.pid,
            now=now.wall,
            monotonic=now.monotonic,
            started=now.wall - (now.monotonic - self.started.monotonic),
            interfaces=config.policy.interfaces,
            audit=self.shown.audit,
            audit_seconds=counted.audit_seconds,
            waits_for="" if self.daemon.ready else waits_for(self.engine.unasked),
            dns_lag=counted.queries.lag,
            far_names=self.engine.resting,
            far_ttl=config.dns.far_ttl,
            netlink_overruns=counted.overruns,
            netlink_resyncs=counted.resyncs,
            trace=self.host.trace,
            journal_waiting=self.alerts.waiting if self.config.at_start.journal_enabled else None,
            journal_dropped=self.alerts.dropped,
            last_reload=self.reload.last,
            reload_pending={one.key: str(one) for one in self.config.pending_restart()},
            acknowledgements=config.policy.acknowledgements,
            config_files=_texts(config.files),
            config_problems=_texts((*config.problems, *config.zone_problems)),
            zones=tuple(map(_zone, self.config.zones)),
            liveness=self.monitor.latest,
            limits={one.name: one.times for one in LIMITS if one.times and not one.lossless},
        )


def _zone(zone: ReadZone) -> ZoneStatus:
    name, serial = (None, None) if zone.soa is None else (zone.soa.name, zone.soa.serial)
    return ZoneStatus(str(zone.file), name, serial, len(zone.names), len(zone.wildcards))


def _texts(values: Iterable[object]) -> Sequence[str]:
    return tuple(map(str, values))
