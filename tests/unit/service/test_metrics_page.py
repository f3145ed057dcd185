"""What a scrape is answered."""

from __future__ import annotations

from collections.abc import Mapping

from lowatch.core.audit import Audit
from lowatch.core.verdicts import OrphanKey
from lowatch.report.metrics.audit import orphan_values
from lowatch.report.metrics.exposition import Format
from lowatch.report.metrics.instruments import Build, Instruments
from lowatch.service.metrics_page import MetricsPage
from lowatch.service.process import Process
from tests.unit.report.audit_worlds import one_orphan


class Daemon:
    """Also a sink that gave three alerts up."""

    def __init__(self) -> None:
        self.audit: Audit | None = None
        self.dropped = 3

    @property
    def orphans(self) -> Mapping[OrphanKey, int]:
        return {} if self.audit is None else orphan_values(self.audit.endpoints)


def page(daemon: Daemon) -> MetricsPage:
    return MetricsPage(daemon, Instruments(Build("1.0", "3.11", "", "")), Process(), daemon)


def test_before_the_first_audit_there_are_only_counters() -> None:
    content = page(Daemon()).content(Format.TEXT)
    assert list(content.pieces()) == []
    assert b"lowatch_journal_dropped_total 3" in content.tail()


def test_an_audit_is_rendered_before_them() -> None:
    daemon = Daemon()
    daemon.audit = one_orphan()
    content = page(daemon).content(Format.TEXT)
    rendered = b"".join(content.pieces())
    assert b"lo_orphan_vip{" in rendered
    assert b"lowatch_journal_dropped_total" not in rendered


def test_the_formats_are_kept_apart() -> None:
    daemon = Daemon()
    daemon.audit = one_orphan()
    metrics = page(daemon)
    texts = {form: b"".join(metrics.content(form).pieces()) for form in Format}
    assert len(set(texts.values())) == len(texts)
