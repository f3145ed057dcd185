"""Histograms, against prometheus_client's own."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Histogram, generate_latest

from lowatch.report.metrics import families
from lowatch.report.metrics.instruments import Build, Instruments, ProcessUsage
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


def test_a_histogram_is_as_prometheus_client_writes_it() -> None:
    instruments = Instruments(Build("1"))
    registry = CollectorRegistry()
    buckets = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
    theirs = Histogram(families.AUDIT_DURATION.name, "Time.", registry=registry, buckets=buckets)
    for seconds in (0.0004, 0.001, 0.3, 0.3, 99.0):
        instruments.audited(seconds)
        theirs.observe(seconds)
    found = {each: value for each, value in scraped(instruments).items() if "duration" in each[0]}
    expected = samples(generate_latest(registry))
    assert {each: found[each] for each in expected if not each[0].endswith("_created")} == {
        each: value for each, value in expected.items() if not each[0].endswith("_created")
    }
