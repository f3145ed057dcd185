"""The benchmarks can be run, and their arithmetic is right. What they measure is nobody's test."""

import importlib

import pytest

from bench import audit, report
from bench.__main__ import NAMES
from bench.daemon import orphan_value
from bench.stats import paired_ratios, percentile, summarise
from lowatch.core.addresses import Port, parse_address
from lowatch.core.audit import Audit
from lowatch.core.verdicts import JudgedEndpoint, Verdict
from lowatch.report.metrics import orphan_values, render_audit


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
