"""The benchmarks can be run, and their arithmetic is right. What they measure is nobody's test."""

import importlib
import math
import sys
from pathlib import Path

import pytest

from bench import audit, dns_load, dns_paced, dns_unpaced, dns_zone, report
from bench.__main__ import NAMES
from bench.daemon import orphan_value
from bench.stats import paired_ratios, percentile, summarise
from lowatch.config.load import load
from lowatch.core.addresses import Port, parse_address
from lowatch.core.audit import Audit
from lowatch.core.verdicts import JudgedEndpoint, Verdict
from lowatch.report.metrics import orphan_values, render_audit
from lowatch.report.metrics_instruments import Instruments, ProcessUsage
from tests.support.netns import Netns


@pytest.mark.parametrize("name", NAMES)
def test_each_benchmark_can_be_run(name: str) -> None:
    assert callable(importlib.import_module(f"bench.{name}").run)


@pytest.mark.parametrize(
    ("share", "value"), [(0.001, 1), (0.01, 1), (0.5, 50), (0.505, 51), (0.99, 99), (1, 100)]
)
def test_a_percentile_is_a_sample_by_nearest_rank(share: float, value: int) -> None:
    assert percentile(range(100, 0, -1), share) == value


def test_the_p99_of_few_samples_is_the_worst() -> None:
    assert summarise([3.0, 1.0, 2.0]) == (3, 1.0, 2.0, 3.0, 3.0)


def test_the_median_of_two_lies_between_them() -> None:
    assert summarise([1.0, 2.0]).median == 1.5


@pytest.mark.parametrize("share", [0, -0.5, 1.01])
def test_a_percentile_wants_a_share(share: float) -> None:
    with pytest.raises(ValueError, match="no share"):
        percentile([1.0], share)


def test_no_samples_are_no_summary() -> None:
    with pytest.raises(ValueError, match="no samples"):
        summarise([])


def test_what_slowed_both_of_a_pair_does_not_change_their_ratio() -> None:
    assert paired_ratios([2.0, 20.0, 4.0], [1.0, 10.0, 2.0]) == (3, 2.0, 2.0, 2.0, 2.0)


def test_ratios_want_pairs() -> None:
    with pytest.raises(ValueError, match="shorter"):
        paired_ratios([1.0, 2.0], [1.0])


def test_a_limit_is_met_up_to_itself() -> None:
    assert report.at_most("x", 2.0, 2.0, "{:.1f}") == ("x", "2.0", "<= 2.0", True)
    assert report.at_most("x", 2.04, 2.0, "{:.1f}").verdict == "NOT met"


def test_the_table() -> None:
    rows = [report.at_most("(a) ratio", 1.5, 2.0, "{:.1f}"), report.Row("(d) start", "900 ms")]
    assert report.table(rows).splitlines() == [
        "           figure  target  verdict",
        "(a) ratio     1.5  <= 2.0  met",
        "(d) start  900 ms",
    ]


def test_the_metric_is_read_as_it_is_rendered() -> None:
    endpoints = [
        JudgedEndpoint(domain, parse_address("198.18.0.1"), "lo", Port(80, "tcp"), verdict)
        for domain, verdict in (("d1.bench.example", Verdict.ORPHAN), ("d10.bench.example", Verdict.SERVED))
    ]
    rendered = render_audit(
        Audit(
            "host", 0.0, 0.0, complete=True, problems=(), held=(), endpoints=tuple(endpoints), findings=()
        ),
        orphan_values(endpoints),
    )
    exposition = rendered.body
    assert orphan_value(exposition, "d1.bench.example") == 1
    assert orphan_value(exposition, "d10.bench.example") == 0
    assert orphan_value(exposition, "1.bench.example") is None


def test_a_small_audit_against_its_peers(capsys: pytest.CaptureFixture[str]) -> None:
    rows = audit.measure(audit.Setting.of(20, 1))
    assert [row.what for row in rows] == ["(a) first audit / (ip + ss)", "(a) sweep / (ip + ss)"]
    assert "ip -j address + ss -Hltn" in capsys.readouterr().out


def test_a_small_contest_of_dns_clients(
    netns: Netns, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")  # no dnsperf here
    monkeypatch.setitem(sys.modules, "aiodns", None)
    with dns_zone.served(20, 60) as knot:
        rows = dns_unpaced.measure(dns_unpaced.Contest(knot.nameserver, 20, 1, tmp_path))
    assert [(row.what, row.target) for row in rows] == [
        ("(e) queries per CPU-second / dns.asyncresolver, first answers", ""),
        ("(e) queries per CPU-second / dns.asyncresolver, same answers", ">= 25.00"),
    ]
    assert "peer absent: dnsperf (apt-get install it)" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["text", "JSON"])
def test_the_files_of_names_are_loaded_whole(kind: str, tmp_path: Path) -> None:
    names = dns_zone.names(2_500)
    (tmp_path / "lowatch.toml").write_text(dns_load.write(tmp_path, names)[kind])
    loaded = load(tmp_path / "lowatch.toml")
    assert list(loaded.policy.domains) == names
    assert {domain.ports for domain in loaded.policy.domains.values()} == {(Port(443, "tcp"),)}


def test_a_quantile_is_the_bound_of_a_bucket_between_two_looks() -> None:
    before = {0.5: 900, 1.0: 900, 2.5: 900, math.inf: 900}
    after = {0.5: 980, 1.0: 998, 2.5: 999, math.inf: 1000}
    assert dns_paced.quantile_limit(before, after, 0.5) == 0.5
    assert dns_paced.quantile_limit(before, after, 0.98) == 1.0
    assert dns_paced.quantile_limit(before, after, 0.99) == 2.5
    assert dns_paced.quantile_limit(before, after, 1.0) == math.inf
    assert math.isnan(dns_paced.quantile_limit(before, before, 0.99))
    assert math.isnan(dns_paced.quantile_limit({}, {}, 0.99))


def test_counters_and_histograms_are_read_as_they_are_rendered() -> None:
    instruments = Instruments("bench")
    for seconds in (0.0001, 0.02, 0.02, 60.0):
        instruments.queries.on_query("NOERROR", seconds)
    instruments.queries.on_query("TIMEOUT", 2.0)
    exposition = instruments.scrape(None, ProcessUsage()).decode()
    assert dns_paced.counted(exposition, dns_paced.QUERIES) == 5
    durations = dns_paced.histogram(exposition, "lowatch_dns_query_duration_seconds")
    assert (durations[0.01], durations[0.025], durations[math.inf]) == (1, 3, 5)
    assert dns_paced.histogram(exposition, "lowatch_no_such") == {}
