"""Meters, compared with prometheus_client's own instruments."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from lowatch.report.metrics import families
from lowatch.report.metrics.instruments import Build, Instruments
from tests.unit.report.metrics.scraped import scraped
from tests.unit.report.metrics.test_audit import key, samples


def test_queries_are_counted_by_rcode_and_answers_are_timed() -> None:
    instruments = Instruments(Build("1"))
    instruments.queries.on_query("NXDOMAIN", 0.002)
    instruments.queries.on_query("TIMEOUT", 2.0)
    instruments.queries.on_query("NOTIMP", 0.002)
    found = scraped(instruments)
    for rcode in ("NXDOMAIN", "TIMEOUT", "NOTIMP"):
        assert found[key(families.DNS_QUERIES, rcode=rcode)] == 1
    assert found["lowatch_dns_query_duration_seconds_count", frozenset()] == 3


def test_a_server_cannot_make_up_series() -> None:
    instruments = Instruments(Build("1"))
    for number in range(4096):
        instruments.queries.on_query(f"RCODE{number}", 0.001)
    found = scraped(instruments)
    assert found[key(families.DNS_QUERIES, rcode="OTHER")] == 4096
    assert len([each for each in found if each[0] == families.DNS_QUERIES.name]) == 7


def test_the_resolvers_histograms_are_as_prometheus_client_writes_them() -> None:
    instruments = Instruments(Build("1"))
    registry = CollectorRegistry()
    durations = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
    lags = (0.25, 0.5, 1, 1.5, 2, 5, 10, 30, 60, 300)
    duration = Histogram(families.DNS_QUERY_DURATION.name, "Time.", registry=registry, buckets=durations)
    lag = Histogram(families.DNS_LAG.name, "Time.", registry=registry, buckets=lags)
    for seconds in (0.0001, 0.0005, 0.3, 0.3, 5.0, 99.0):
        instruments.queries.on_query("NOERROR", seconds)
        duration.observe(seconds)
        instruments.queries.on_lag(seconds, 2)
        lag.observe(seconds)
        lag.observe(seconds)
    found = scraped(instruments)
    expected = samples(generate_latest(registry)).items()
    theirs = {each: value for each, value in expected if not each[0].endswith("_created")}
    assert len(theirs) == len(durations) + len(lags) + 6
    assert {each: found[each] for each in theirs} == pytest.approx(theirs)


def test_a_mismatch_of_the_parsers_is_counted() -> None:
    instruments = Instruments(Build("1"))
    assert scraped(instruments)[key(families.DNS_PARSER_MISMATCHES)] == 0
    instruments.queries.on_mismatch()
    assert scraped(instruments)[key(families.DNS_PARSER_MISMATCHES)] == 1


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
