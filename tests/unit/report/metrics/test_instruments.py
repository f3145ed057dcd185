from __future__ import annotations

import pytest
from prometheus_client import REGISTRY, generate_latest

from lowatch.core.limits.limit import Limit
from lowatch.report.metrics import families
from lowatch.report.metrics.audit import AuditEncoder, orphan_values
from lowatch.report.metrics.instruments import NETLINK_GROUPS, Build, Instruments, ProcessUsage
from lowatch.wire.netlink_reader import FALLBACKS
from tests.unit.report.audit_worlds import bad_night
from tests.unit.report.golden import assert_golden
from tests.unit.report.metrics.scraped import USAGE, scraped
from tests.unit.report.metrics.test_audit import key, samples


def test_golden_scrape(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole of /metrics, of a daemon that has had a bad night."""
    monkeypatch.setattr(FALLBACKS, "times", 2)
    limits = [
        Limit("names_file_bytes", 64, "bytes", "it is refused", "many"),
        Limit("journal_queue", 512, "entries", "they are folded", "few"),
    ]
    limits[1].reached(3)
    instruments = Instruments(Build("1.2.3", "3.11.2", "2.3.0"), limits)
    instruments.restart_pending(["web.listen"])
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
    own = instruments.scrape(
        USAGE,
        series_dropped=rendered.dropped,
        journal_dropped=2,
        refused={("lo", "192.0.2.10", "80"): 41, ("lo", "192.0.2.10", "0"): 3},
    )
    assert_golden("metrics-scrape.txt", (rendered.body + own).decode())


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


def test_a_group_that_is_none_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        Instruments(Build("1")).netlink_event("neighbour")


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
        instruments.restart_pending(keys)
        found = [name for name in scraped(instruments) if name[0] == "lowatch_reload_pending"]
        assert found == [key(families.RELOAD_PENDING, key=one) for one in keys]


def test_nothing_is_in_the_global_registry_and_two_daemons_are_two() -> None:
    one, other = Instruments(Build("1")), Instruments(Build("1"))
    one.netlink_overrun()
    assert scraped(one)[key(families.NETLINK_OVERRUNS)] == 1
    assert scraped(other)[key(families.NETLINK_OVERRUNS)] == 0
    assert b"lowatch" not in generate_latest(REGISTRY)
