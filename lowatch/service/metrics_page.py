"""The response to a scrape: the series of the audit, then the daemon's counters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from lowatch.core.addresses import format_address
from lowatch.core.audit import Audit
from lowatch.core.verdicts import OrphanKey
from lowatch.report.metrics.audit import AuditEncoder, in_netns
from lowatch.report.metrics.exposition import Format
from lowatch.report.metrics.instruments import Instruments
from lowatch.report.victims import Refusal
from lowatch.service.http.content import Content

from .process import Process


class Orphans(Protocol):
    """The part of the daemon that the metrics show."""

    @property
    def audit(self) -> Audit | None: ...

    @property
    def orphans(self) -> Mapping[OrphanKey, int]: ...

    @property
    def refused(self) -> Iterable[Refusal]: ...


class Dropping(Protocol):
    @property
    def dropped(self) -> int:
        """How many alerts the journal sink gave up."""


class MetricsPage:
    """Renders an audit once for all scrapers, and the counters for each scrape."""

    def __init__(
        self,
        daemon: Orphans,
        instruments: Instruments,
        process: Process,
        alerts: Dropping,
        netns: str = "",
    ) -> None:
        """netns: the label `netns` of all series; "" for none."""
        self._daemon = daemon
        self._instruments = instruments
        self._process = process
        self._alerts = alerts
        self._encoder = AuditEncoder()
        self._netns = netns

    def content(self, form: Format) -> Content:
        def audit() -> Audit | None:
            return self._daemon.audit

        def pieces() -> Iterator[bytes]:
            audit = self._daemon.audit
            if audit is None:
                return iter(())
            rendered = self._encoder.pieces(audit, dict(self._daemon.orphans), form)
            return (in_netns(piece, self._netns) for piece in rendered) if self._netns else rendered

        def counters() -> bytes:
            scraped = self._instruments.scrape(
                self._process.usage(),
                form,
                series_dropped=self._encoder.dropped,
                journal_dropped=self._alerts.dropped,
                refused=_by_labels(self._daemon.refused),
            )
            return in_netns(scraped, self._netns)

        return Content("metrics", form.name, audit, pieces, counters)


def _by_labels(refusals: Iterable[Refusal]) -> Mapping[tuple[str, str, str], int]:
    """By interface, address and port: TCP and UDP of one number are one series."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for one in refusals:
        address, port = one.endpoint
        counts[one.interface, format_address(address), str(port.number)] += one.refused.total
    return counts
