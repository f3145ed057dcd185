"""What a scrape is answered."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from lowatch.app.victims import RefusedAt
from lowatch.core.addresses import Port, parse_address
from lowatch.core.audit import Audit
from lowatch.core.clock import Now
from lowatch.core.listeners import Endpoint
from lowatch.core.verdicts import OrphanKey
from lowatch.core.victims import Refused
from lowatch.report.metrics.audit import orphan_values
from lowatch.report.metrics.exposition import Format
from lowatch.report.metrics.instruments import Build, Instruments
from lowatch.service.http.content import Content
from lowatch.service.metrics_page import MetricsPage
from lowatch.service.process import Process
from tests.unit.report.audit_worlds import one_orphan


class Daemon:
    """Also a sink that gave three alerts up."""

    def __init__(self) -> None:
        self.audit: Audit | None = None
        self.dropped = 3
        self.refused: list[RefusedAt] = []

    @property
    def orphans(self) -> Mapping[OrphanKey, int]:
        return {} if self.audit is None else orphan_values(self.audit.endpoints)


def page(daemon: Daemon, netns: str = "") -> MetricsPage:
    return MetricsPage(daemon, Instruments(Build("1.0", "3.11", "", "")), Process(), daemon, netns)


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


def test_refused_clients_are_counted_by_port_whatever_the_protocol() -> None:
    daemon, at = Daemon(), Now(1.0, 2.0, 3.0)
    vip = parse_address("192.0.2.10")
    daemon.refused = [
        RefusedAt("lo", Endpoint(vip, Port(number, protocol)), Refused(count, at, at))
        for number, protocol, count in ((53, "tcp", 4), (53, "udp", 5), (0, "tcp", 2))
    ]
    tail = page(daemon).content(Format.TEXT).tail()
    for port, count in ((53, 9), (0, 2)):
        series = (
            f'lowatch_refused_connects_total{{interface="lo",address="192.0.2.10",port="{port}"}} {count}'
        )
        assert series.encode() in tail


@pytest.mark.parametrize("form", Format)
def test_every_series_has_the_label_of_another_network_namespace(form: Format) -> None:
    daemon = Daemon()
    daemon.audit = one_orphan()
    plain, labelled = (page(daemon, netns).content(form) for netns in ("", "blue"))
    names = [series(content) for content in (plain, labelled)]
    assert [name for name in names[0] if "netns" in name] == []
    assert [name for name in names[1] if 'netns="blue"}' not in name] == []
    assert len(names[0]) == len(names[1]) > 50
    assert labelled.tail().endswith(form.end.encode())


def series(content: Content) -> list[str]:
    body = b"".join(content.pieces()) + content.tail()  # type: ignore[arg-type]  # nobody renders in a thread
    return [line.rpartition(" ")[0] for line in body.decode().splitlines() if not line.startswith("#")]
