"""What the servers' routes show in a test."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lowatch.core.audit import Audit
from lowatch.report.metrics.exposition import Format
from lowatch.report.status import ReloadOutcome
from lowatch.service.http.content import Content


@dataclass
class GivenAudits:
    """Implements Audits of service/http/routes.py."""

    audit: Audit | None
    ready: bool = True


@dataclass
class GivenMetrics:
    """Implements Metrics of service/http/routes.py."""

    content: Callable[[Format], Content]


@dataclass
class GivenReload:
    """Implements Reload of service/http/routes.py."""

    now: Callable[[], Awaitable[ReloadOutcome]]


async def reloaded() -> ReloadOutcome:
    return ReloadOutcome()
