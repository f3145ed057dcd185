from __future__ import annotations

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, Histogram, generate_latest

from lowatch.core.limits import Limit
from lowatch.report.metrics import families
from lowatch.report.metrics.audit import AuditEncoder, orphan_values
from lowatch.report.metrics.instruments import NETLINK_GROUPS, Build, Instruments, ProcessUsage
from tests.unit.report.audit_worlds import bad_night
from tests.unit.report.golden import assert_golden
from tests.unit.report.metrics.test_audit import EVERY_FAMILY, Samples, key, samples

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


def test_golden_scrape() -> None:
    """The whole of /metrics, of a daemon that has had a bad night."""
    limits = [
        Limit("names_file_bytes", 64, "bytes", "it is refused", "many"),
        Limit("journal_queue", 512, "entries", "they are folded", "few"),
    ]
    limits[1].reached(3)
    instruments = Instruments(Build("1.2.3", "3.11.2", "2.3.0"), limits)
    instruments.reload_pending = ["web.listen"]
    instruments.config_loaded(1795400001.0)
    instruments.audited(0.003)
    for _ in range(3):
        instruments.queries.on_query("NOERROR", 0.0007)
    instruments.queries.on_query("SERVFAIL", 0.04)
    instruments.queries.on_query("TIMEOUT", 2.0)
    instruments.netlink_event("address", 2)
    instruments.netlink_overrun()
    instruments.netlink_resync()
    world = bad_night()
    rendered = AuditEncoder(orphan_cap=4).render(world, orphan_values(world.endpoints))
    own = instruments.scrape(USAGE, series_dropped=rendered.dropped, journal_dropped=2)
    assert_golden("metrics-scrape.txt", (rendered.body + own).decode())


def test_every_family_of_the_contract_is_there_once() -> None:
    world = bad_night()
    rendered = AuditEncoder().render(world, orphan_values(world.endpoints))
    body = rendered.body + Instruments(Build("1")).scrape(USAGE)
    samples(body)  # and no series twice
    types = [line.split()[2] for line in body.decode().splitlines() if line.startswith("# TYPE")]
    assert sorted(types) == sorted(family.name for family in EVERY_FAMILY)


def test_known_series_are_zero_before_anything_happens() -> None:
    found = scraped(Instruments(Build("1")))
    for group in NETLINK_GROUPS:
        assert found[key(families.NETLINK_EVENTS, group=group)] == 0
    for rcode in ("NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED", "TIMEOUT"):
        assert found[key(families.DNS_QUERIES, rcode=rcode)] == 0
    for counter in (
        families.NETLINK_OVERRUNS,
        families.NETLINK_RESYNCS,
        families.AUDITS,
        families.JOURNAL_DROPPED,
        families.SERIES_DROPPED,
    ):
        assert found[key(counter)] == 0


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


def test_a_group_that_is_none_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        Instruments(Build("1")).netlink_event("neighbour")


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


def test_a_failed_reload_keeps_the_time_of_the_last_good_one() -> None:
    instruments = Instruments(Build("1"))
    instruments.config_loaded(1000.0)
    instruments.config_refused()
    found = scraped(instruments)
    assert found[key(families.CONFIG_RELOAD_SUCCESSFUL)] == 0
    assert found[key(families.CONFIG_RELOAD_TIMESTAMP)] == 1000.0
    instruments.config_loaded(2000.0)
    found = scraped(instruments)
    assert found[key(families.CONFIG_RELOAD_SUCCESSFUL)] == 1
    assert found[key(families.CONFIG_RELOAD_TIMESTAMP)] == 2000.0


def test_dropped_series_are_counted_in_the_scrape_that_drops_them() -> None:
    instruments = Instruments(Build("1"))
    for total in (3, 6):
        found = samples(instruments.scrape(USAGE, series_dropped=3))
        assert found[key(families.SERIES_DROPPED)] == total


def test_what_could_not_be_read_has_no_series() -> None:
    found = samples(Instruments(Build("1")).scrape(ProcessUsage(cpu_seconds=1.0)))
    assert found[key(families.PROCESS_CPU)] == 1.0
    assert [each for each in found if each[0].startswith("process_")] == [key(families.PROCESS_CPU)]


def test_versions_are_labels() -> None:
    found = scraped(Instruments(Build('1.0"rc"', "3.11.2", "2.3.0")))
    versions = {"version": '1.0"rc"', "python": "3.11.2", "dnspython": "2.3.0", "pyroute2": ""}
    assert found[key(families.BUILD_INFO, **versions)] == 1


def test_a_key_that_takes_a_restart_has_a_series_until_there_is_none() -> None:
    instruments = Instruments(Build("1"))
    for keys in (["web.listen", "journal.enabled"], ["web.listen"], []):
        instruments.reload_pending = keys
        found = [name for name in scraped(instruments) if name[0] == "lowatch_reload_pending"]
        assert found == [key(families.RELOAD_PENDING, key=one) for one in keys]


def test_nothing_is_in_the_global_registry_and_two_daemons_are_two() -> None:
    one, other = Instruments(Build("1")), Instruments(Build("1"))
    one.netlink_overrun()
    assert scraped(one)[key(families.NETLINK_OVERRUNS)] == 1
    assert scraped(other)[key(families.NETLINK_OVERRUNS)] == 0
    assert b"lowatch" not in generate_latest(REGISTRY)
