"""The daemon's own status, asked of its parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from lowatch.app.shown_audit import ShownAudit
from lowatch.app.status import StatusReporter
from lowatch.config.load import load
from lowatch.core.answers import AnswerStatus
from lowatch.core.audit import Audit
from lowatch.core.clock import Now
from lowatch.core.lifecycle import Tracked
from lowatch.core.limits.names import LEARNED_NAMES
from lowatch.core.limits.table import LIMITS
from lowatch.core.liveness import Heartbeat, LivenessMonitor
from lowatch.core.programs import TraceState
from lowatch.report.status import LastReload
from tests.unit.app.config_users import in_force
from tests.unit.report.audit_worlds import one_orphan
from tests.unit.service.given_pages import GivenVictims

START = load(None)


@dataclass
class Parts:
    """Every collaborator in one."""

    ready: bool = True
    held: int | None = 3
    audit: Audit | None = field(default_factory=one_orphan)
    unasked: int = 0
    resting: int = 9990
    waiting: int = 2
    dropped: int = 1
    lag: float | None = 0.25
    audit_seconds: float | None = 0.5
    overruns: int = 4
    resyncs: int = 5
    last: LastReload | None = None
    trace: TraceState | None = None
    victims: GivenVictims = field(default_factory=GivenVictims)

    @property
    def tracked(self) -> Iterable[Tracked]:
        return () if self.audit is None else self.audit.findings

    @property
    def statuses(self) -> Mapping[AnswerStatus, int]:
        return {AnswerStatus.RESOLVED: 1}

    @property
    def queries(self) -> Parts:
        return self

    def now(self) -> Now:
        return Now(1_060.0, 5_000.0)


def reporter(parts: Parts, file: Path | None = None) -> StatusReporter:
    config = in_force(START)
    if file is not None:
        config.replace(load(file))
    return StatusReporter(
        version="1.0",
        pid=7,
        started=Now(1_000.0, 1.0),
        daemon=parts,
        shown=ShownAudit(parts, config),
        host=parts,
        engine=parts,
        resolver=parts,
        config=config,
        alerts=parts,
        counted=parts,
        reload=parts,
        monitor=LivenessMonitor(),
        clock=parts,
    )


def test_its_line_says_what_was_found_or_what_the_start_waits_for() -> None:
    assert "1 finding firing" in reporter(Parts()).line()
    starting = reporter(Parts(ready=False, unasked=9)).line()
    assert starting.startswith("starting: ")
    assert "9 DNS queries" in starting


def test_each_part_has_its_share() -> None:
    status = reporter(Parts()).status()
    assert (status.version, status.pid) == ("1.0", 7)
    assert (status.journal_waiting, status.journal_dropped) == (2, 1)
    assert (status.dns_lag, status.audit_seconds) == (0.25, 0.5)
    assert (status.netlink_overruns, status.netlink_resyncs) == (4, 5)
    assert (status.far_names, status.far_ttl) == (9990, 3600.0)
    assert status.waits_for == ""
    assert status.audit == one_orphan()


def test_limits_that_were_reached_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in LIMITS:
        monkeypatch.setattr(limit, "times", 0)
    assert reporter(Parts()).status().limits == {}
    LEARNED_NAMES.reached(3)
    next(limit for limit in LIMITS if limit.lossless).reached()
    assert reporter(Parts()).status().limits == {"learned_names": 3}


def test_the_start_is_reported_by_the_clock_of_intervals() -> None:
    """The wall clock may have been set since."""
    status = reporter(Parts()).status()
    assert status.now - status.started == 60.0


def test_what_needs_a_restart_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "lowatch.toml"
    file.write_text("[journal]\nenabled = false\n")
    status = reporter(Parts(), file).status()
    assert list(status.reload_pending) == ["journal.enabled"]
    assert status.journal_waiting == 2, "it runs with what it started with"
    assert status.config_files == (str(file),)


def test_the_last_look_at_the_parts_is_shown() -> None:
    one = reporter(Parts())
    one.monitor.look([Heartbeat("resolver", True, 0, 30.0)], 0.0)
    assert [liveness.part for liveness in one.status().liveness] == ["resolver"]
    assert replace(one.status(), liveness=()).liveness == ()
