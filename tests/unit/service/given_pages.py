"""What the servers' routes show in a test."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from lowatch.app.victims import RefusedAt
from lowatch.core.audit import Audit
from lowatch.core.lifecycle import Tracked
from lowatch.core.next_questions import NextQuestion
from lowatch.core.recording.recording import Recording
from lowatch.core.served_state import ServedState
from lowatch.core.victims import Hurt
from lowatch.report.metrics.exposition import Format
from lowatch.report.status import ReloadOutcome
from lowatch.service.http.content import Content


@dataclass
class GivenVictims:
    """Implements FailedClients of app/shown_audit.py: of each finding the same ones."""

    hurt: Hurt | None = None
    changes: int = 0

    def of(self, tracked: Tracked) -> Tracked:
        return tracked if self.hurt is None else replace(tracked, hurt=self.hurt)


@dataclass
class GivenAudits:
    """Implements Audits of service/http/routes.py, and AuditedHost of app/shown_audit.py."""

    audit: Audit | None
    ready: bool = True
    victims: GivenVictims = field(default_factory=GivenVictims)


@dataclass
class GivenMetrics:
    """Implements Metrics of service/http/routes.py."""

    content: Callable[[Format], Content]


@dataclass
class GivenRecordings:
    """Implements Recordings of service/http/routes.py. prepared: how often it was asked to prepare."""

    given: Recording | None = None
    prepared: int = 0

    def prepare(self) -> None:
        self.prepared += 1

    def recording(self) -> Recording | None:
        return self.given


@dataclass
class GivenReload:
    """Implements Reload of service/http/routes.py."""

    now: Callable[[], Awaitable[ReloadOutcome]]


async def reloaded() -> ReloadOutcome:
    return ReloadOutcome()


class GivenServed:
    """Implements Served of service/http/routes.py. state: who served last.

    refused: the clients that failed.
    """

    def __init__(self, state: ServedState | None = None) -> None:
        self.state = state
        self.refused: list[RefusedAt] = []

    def served(self) -> ServedState | None:
        return self.state


class GivenSchedules:
    """Implements Schedules of service/http/routes.py. given: by domain."""

    def __init__(self, given: Mapping[str, tuple[NextQuestion, ...]] | None = None) -> None:
        self.given = given or {}

    def next_questions(self, domain: str) -> tuple[NextQuestion, ...]:
        return self.given.get(domain, ())
