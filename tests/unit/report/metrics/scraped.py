"""A scrape of the daemon's own metrics, and the usage that it is given."""

from __future__ import annotations

from lowatch.report.metrics.instruments import Instruments, ProcessUsage
from tests.unit.report.metrics.test_audit import Samples, samples

USAGE = ProcessUsage(
    cpu_seconds=12.5,
    resident=30 * 2**20,
    virtual=60 * 2**20,
    started=1795400000.5,
    open_fds=17,
    max_fds=1024,
)


def scraped(instruments: Instruments) -> Samples:
    return samples(instruments.scrape(USAGE))
