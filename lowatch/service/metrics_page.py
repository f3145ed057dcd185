"""The response to a scrape: the series of the audit, then the daemon's counters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from lowatch.core.audit import Audit
from lowatch.core.verdicts import OrphanKey
from lowatch.report.metrics.audit import AuditEncoder
from lowatch.report.metrics.exposition import Format
from lowatch.report.metrics.instruments import Instruments
from lowatch.service.http.content import Content

from .process import Process


class Orphans(Protocol):
    """The part of the daemon that the metrics show."""

    @property
    def audit(self) -> Audit | None: ...

    @property
    def orphans(self) -> Mapping[OrphanKey, int]: ...


class Dropping(Protocol):
    @property
    def dropped(self) -> int:
        """How many alerts the journal sink gave up."""


class MetricsPage:
    """Renders an audit once for all scrapers, and the counters for each scrape."""

    def __init__(
        self, daemon: Orphans, instruments: Instruments, process: Process, alerts: Dropping
    ) -> None:
        self._daemon = daemon
        self._instruments = instruments
        self._process = process
        self._alerts = alerts
        self._encoder = AuditEncoder()

    def content(self, form: Format) -> Content:
        def audit() -> Audit | None:
            return self._daemon.audit

        def pieces() -> Iterator[bytes]:
            audit = self._daemon.audit
            if audit is None:
                return iter(())
            return self._encoder.pieces(audit, dict(self._daemon.orphans), form)

        def counters() -> bytes:
            return self._instruments.scrape(
                self._process.usage(),
                form,
                series_dropped=self._encoder.dropped,
                journal_dropped=self._alerts.dropped,
            )

        return Content("metrics", form.name, audit, pieces, counters)
