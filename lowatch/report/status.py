"""The daemon's status, which `lowatch status` shows: its values, and their JSON (schema 1).

Members have a fixed order, one that does not apply is null, and times are RFC 3339. Schema 1 changes only
by addition. Lists have at most LISTED entries; /api/v1/audit has all of them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from lowatch.core.answers import AnswerStatus
from lowatch.core.audit import Audit
from lowatch.core.findings import Severity
from lowatch.core.lifecycle import FindingState, Tracked
from lowatch.core.liveness import Liveness
from lowatch.core.name_outcomes import name_report
from lowatch.core.policy import Acknowledgement
from lowatch.core.programs import TraceState
from lowatch.core.words import rfc3339

from .acknowledgements import Idle, acknowledgement_row, idle
from .digest import Digest, digest
from .json_report import acknowledged_row, last_served_row, name_row, refused_row
from .order import names_in_order
from .phrases import message, place

SCHEMA = 1
LISTED = 100
STATES = (FindingState.FIRING, FindingState.PENDING, FindingState.ACKNOWLEDGED)

Members = dict[str, Any]


class ReloadOutcome(NamedTuple):
    """The answer to a request to reload.

    error: the errors in the configuration, one per line; "" if it was loaded. pending: a line for each key
    whose new value needs a restart.
    """

    error: str = ""
    pending: tuple[str, ...] = ()


class LastReload(NamedTuple):
    """The most recent reload.

    at: wall-clock seconds. monotonic: the same moment in monotonic seconds. error: the errors, one per
    line; "" if it succeeded.
    """

    at: float
    error: str = ""
    monotonic: float = 0.0


class ZoneStatus(NamedTuple):
    """A zone file. name, serial: None if it was never read. names, wildcards: how many lead here."""

    file: str
    name: str | None = None
    serial: int | None = None
    names: int = 0
    wildcards: int = 0


@dataclass(frozen=True)
class DaemonStatus:
    """The daemon's status at one moment.

    now, started: wall-clock seconds of this moment, and of the daemon's start.
    monotonic: this moment in monotonic seconds, to compute ages.
    interfaces: names or globs, as configured.
    audit: the last one, including the problems of files of names; None before the first.
    audit_seconds: its duration.
    waits_for: what the first full audit waits for, in a few words; "" once the daemon is ready.
    dns_lag: seconds by which the most recent lookups started late; None before the first.
    far_names: how many names are asked for once per far_ttl (seconds), because they lead elsewhere.
    trace: of the trace that names programs; None if there is none.
    journal_waiting: alerts that journald has not accepted yet; None if journal.enabled is false.
    last_reload: None if there was none since the start.
    reload_pending: the keys whose new value needs a restart, each with a line for people.
    acknowledgements: all that are configured.
    config_files: none for the defaults. config_problems: the problems of files of names and of zones, one
    line each. zones: the zone files.
    liveness: the progress of every part that must not be stuck.
    limits: how often each limit was reached, beyond which something is left out.
    """

    version: str
    pid: int
    now: float
    started: float
    interfaces: Sequence[str]
    audit: Audit | None = None
    audit_seconds: float | None = None
    waits_for: str = ""
    dns_lag: float | None = None
    far_names: int = 0
    far_ttl: float = 0.0
    netlink_overruns: int = 0
    netlink_resyncs: int = 0
    trace: TraceState | None = None
    journal_waiting: int | None = None
    journal_dropped: int = 0
    last_reload: LastReload | None = None
    reload_pending: Mapping[str, str] = field(default_factory=dict)
    acknowledgements: Sequence[Acknowledgement] = ()
    config_files: Sequence[str] = ()
    config_problems: Sequence[str] = ()
    zones: Sequence[ZoneStatus] = ()
    liveness: Sequence[Liveness] = ()
    limits: Mapping[str, int] = field(default_factory=dict)
    monotonic: float = 0.0

    @property
    def ready(self) -> bool:
        return not self.waits_for

    @property
    def stuck(self) -> list[Liveness]:
        return [one for one in self.liveness if one.stuck]

    @property
    def findings(self) -> Sequence[Tracked]:
        return () if self.audit is None else self.audit.findings

    def held_by_interface(self) -> Mapping[str, int]:
        held = () if self.audit is None else self.audit.held
        return dict(sorted(Counter(each.interface for each in held).items()))

    @cached_property
    def digest(self) -> Digest:
        """The digest of the findings."""
        return digest(self.findings, LISTED)

    @cached_property
    def idle(self) -> Idle:
        """The acknowledgements without effect. Before the first audit, none is known to be unused."""
        found = idle(self.acknowledgements, self.findings, self.now)
        return found if self.audit is not None else found._replace(unused=())


def render_json(status: DaemonStatus) -> bytes:
    """The document as ASCII, indented for people."""
    return json.dumps(document(status), indent=2, allow_nan=False).encode("ascii") + b"\n"


def document(status: DaemonStatus) -> Members:
    """The object of `lowatch status --format json` and of GET /-/status."""
    return {
        "schema": SCHEMA,
        "version": status.version,
        "host": None if status.audit is None else status.audit.host,
        "netns": (status.audit and status.audit.netns) or None,
        "pid": status.pid,
        "at": rfc3339(status.now),
        "started_at": rfc3339(status.started),
        "uptime_seconds": _seconds(status.now - status.started),
        "ready": status.ready,
        "waits_for": status.waits_for or None,
        "healthy": not status.stuck,
        "vitals": [_liveness_row(one) for one in status.liveness],
        "interfaces": list(status.interfaces),
        "held": dict(status.held_by_interface()),
        "domains": _domains(status.audit),
        "names": _names(status.audit),
        "findings": {
            severity.value: {state.value: status.digest.findings[severity, state] for state in STATES}
            for severity in reversed(Severity)
        },
        "firing": [_short(tracked) for tracked in status.digest.firing],
        "acknowledged": [
            {**_short(tracked), "acknowledged": acknowledged_row(tracked)}
            for tracked in status.digest.acknowledged
        ],
        "acknowledgements": {
            "configured": len(status.acknowledgements),
            "expired": list(map(acknowledgement_row, status.idle.expired[:LISTED])),
            "unused": list(map(acknowledgement_row, status.idle.unused[:LISTED])),
        },
        "audit": None if status.audit is None else _audit(status, status.audit),
        "dns": {
            "lag_seconds": _seconds(status.dns_lag),
            "far_names": status.far_names,
            "far_ttl_seconds": _seconds(status.far_ttl),
        },
        "netlink": {"overruns": status.netlink_overruns, "resyncs": status.netlink_resyncs},
        "trace": None if status.trace is None else _trace(status.trace),
        "journal": {
            "enabled": status.journal_waiting is not None,
            "waiting": status.journal_waiting,
            "dropped": status.journal_dropped,
        },
        "limits": dict(status.limits),
        "last_reload": None if status.last_reload is None else _last_reload(status.last_reload),
        "reload_pending": list(status.reload_pending),
        "configuration": {
            "files": list(status.config_files),
            "problems": list(status.config_problems[:LISTED]),
            "zones": [zone._asdict() for zone in status.zones],
        },
    }


def _liveness_row(liveness: Liveness) -> Members:
    return {
        "part": liveness.part,
        "silent_seconds": _seconds(liveness.silent),
        "limit_seconds": liveness.limit,
        "stuck": liveness.stuck,
    }


def _domains(audit: Audit | None) -> Members:
    statuses = {} if audit is None else audit.statuses
    return {status.value: statuses.get(status, 0) for status in AnswerStatus}


def _names(audit: Audit | None) -> list[Members]:
    """The first names that do not resolve, with the members of /api/v1/audit."""
    names = () if audit is None else audit.names
    unresolved = [answer for answer in names_in_order(names) if answer.status is not AnswerStatus.RESOLVED]
    return [
        name_row(name_report(answer, audit.monotonic), audit.source(answer.domain))
        for answer in unresolved[:LISTED]
        if audit
    ]


def _short(tracked: Tracked) -> Members:
    """A finding, with the most important members of /api/v1/findings."""
    finding = tracked.finding
    return {
        "kind": finding.subject.kind.value,
        "severity": finding.severity.value,
        "key": finding.subject.key,
        "where": place(finding.subject),
        "since": rfc3339(tracked.since),
        "message": message(tracked),
        "last_served": last_served_row(finding.last_served),
        "refused": refused_row(tracked.hurt),
    }


def _audit(status: DaemonStatus, audit: Audit) -> Members:
    return {
        "audited_at": rfc3339(audit.audited_at),
        "age_seconds": _seconds(status.monotonic - audit.monotonic),
        "duration_seconds": _seconds(status.audit_seconds),
        "complete": audit.complete,
        "problem_count": len(audit.problems),
        "problems": [{"source": p.source, "message": p.message} for p in audit.problems[:LISTED]],
    }


def _trace(trace: TraceState) -> Members:
    return {"failure": trace.failure or None, "lost": trace.lost}


def _last_reload(last: LastReload) -> Members:
    return {"at": rfc3339(last.at), "successful": not last.error, "error": last.error or None}


def _seconds(seconds: float | None) -> float | None:
    """Seconds rounded to milliseconds, and at least 0: the wall clock may have been set back."""
    return None if seconds is None else round(max(0.0, seconds), 3)
