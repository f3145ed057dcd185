"""The benchmarks can be run, and their arithmetic is right. What they measure is nobody's test."""

import importlib
import math
import re
import sys
from pathlib import Path

import pytest

from bench import audit, child, dns_load, dns_paced, dns_unpaced, dns_zone, figures, kinds, report
from bench.__main__ import NAMES, measure
from bench.daemon import orphan_value
from bench.stats import paired_ratios, percentile, summarise
from lowatch.config.load import load
from lowatch.core.addresses import Port, parse_address
from lowatch.core.audit import Audit
from lowatch.core.verdicts import JudgedEndpoint, Verdict
from lowatch.report.metrics.audit import render_audit
from lowatch.report.metrics.instruments import Build, Instruments, ProcessUsage
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
    with pytest.raises(ValueError, match="not a share between 0 and 1"):
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
    assert report.at_most("x", 2.0, 2.0, "{:.1f}") == report.Row("x", "2.0", "<= 2.0", met=True)
    assert report.at_most("x", 2.04, 2.0, "{:.1f}").verdict == "NOT met"
    assert report.at_least("x", 2.0, 2.0, "{:.1f}").verdict == "met"
    assert report.at_least("x", 1.96, 2.0, "{:.1f}").verdict == "NOT met"


def test_the_table() -> None:
    rows = [report.at_most("(a) ratio", 1.5, 2.0, "{:.1f}"), report.Row("(d) start", "900 ms")]
    assert report.table(rows, ["+3 %", ""]).splitlines() == [
        "           figure  target  verdict  change",
        "(a) ratio     1.5  <= 2.0  met      +3 %",
        "(d) start  900 ms",
    ]


@pytest.mark.parametrize(
    ("figure", "more", "said"),
    [
        ("115 ms", False, "+15 %"),
        ("125 ms", False, "+25 % WORSE"),
        ("125 ms", True, "+25 % better"),
        ("75 ms", False, "-25 % better"),
        ("75 ms", True, "-25 % WORSE"),
        ("100 ms", False, "same"),
        ("nan ms", False, ""),
    ],
)
def test_a_change_beyond_the_noise_is_marked(figure: str, *, more: bool, said: str) -> None:
    row = report.Row("(a) x", figure, more=more, noise=0.2)
    assert figures.change(row, {"(a) x": "100 ms"}) == said


def test_a_figure_without_a_number_before_it_has_no_change() -> None:
    row = report.Row("(a) x", "1 ms")
    assert figures.change(row, {}) == "new"
    assert figures.change(row, {"(a) x": "-"}) == ""
    assert figures.change(row, {"(a) x": "0 ms"}) == "was 0 ms"


def test_what_is_recorded_is_what_the_next_run_is_compared_with() -> None:
    first = [
        report.at_most("(a) x", 1.0, 2.0, "{:.1f} ms"),
        report.Row("(b) y", "5.00"),
        report.Row("(b) z", "6"),
    ]
    page = figures.recorded(
        "# Page\n<!-- last figures --><!-- end of last figures -->\nend\n", first, "abc", "a laptop"
    )
    assert figures.last(page) == {"(a) x": "1.0 ms", "(b) y": "5.00", "(b) z": "6"}
    machine = "2 cores (Some CPU), Linux 6.1, Python 3.11.2"
    again = figures.recorded(page, [report.Row("(b) z", "7")], "def", machine)
    assert figures.last(again) == {"(a) x": "1.0 ms", "(b) z": "7"}
    assert "| (a) x | 1.0 ms | <= 2.0 ms | abc |" in again
    assert "| (b) z | 7 |  | def |" in again
    assert figures.machine(again) == "2 cores (Some CPU), Linux 6.1, Python 3.11.2"
    assert again.startswith("# Page\n")
    assert again.endswith("\nend\n")


def test_the_page_has_its_table_and_names_every_benchmark() -> None:
    page = figures.PAGE.read_text()
    figures.last(page)
    assert set(re.findall(r"^\| \([a-z]\) `([a-z]+)` \|", page, re.MULTILINE)) == set(NAMES)


def test_a_page_without_the_table_is_an_error() -> None:
    with pytest.raises(ValueError, match="no table"):
        figures.last("# Page\n")


def test_a_benchmark_that_fails_costs_no_other_its_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*, quick: bool) -> list[report.Row]:
        raise RuntimeError("no such server\nat all")

    monkeypatch.setattr("bench.audit.run", broken)
    monkeypatch.setattr("bench.start.run", lambda *, quick: [report.Row("(d) start", "900 ms")])
    assert measure(["audit", "start"], quick=True) == ([report.Row("(d) start", "900 ms")], ["audit"])
    [line] = capsys.readouterr().out.splitlines()
    assert line.split(None, 2)[:2] == ["audit", "failed"]
    assert line.endswith("RuntimeError: no such server | at all")


def test_a_child_that_fails_says_why_in_a_line() -> None:
    with pytest.raises(child.ChildFailedError, match=r"^exit code 1: ZeroDivisionError: division by zero$"):
        child.said([sys.executable, "-c", "print(); 1 / 0"])
    with pytest.raises(child.ChildFailedError, match=r"^/nowhere: No such file or directory$"):
        child.said(["/nowhere"])
    assert child.said([sys.executable, "-c", "print(1)"]) == b"1\n"


def test_the_metric_is_read_as_it_is_rendered() -> None:
    endpoints = [
        JudgedEndpoint(domain, parse_address("198.18.0.1"), "lo", Port(80, "tcp"), verdict)
        for domain, verdict in (("d1.bench.example", Verdict.ORPHAN), ("d10.bench.example", Verdict.SERVED))
    ]
    rendered = render_audit(
        Audit(
            "host", 0.0, 0.0, complete=True, problems=(), held=(), endpoints=tuple(endpoints), findings=()
        )
    )
    exposition = rendered.body
    assert orphan_value(exposition, "d1.bench.example") == 1
    assert orphan_value(exposition, "d10.bench.example") == 0
    assert orphan_value(exposition, "1.bench.example") is None


def test_a_small_audit_against_its_peers(capsys: pytest.CaptureFixture[str]) -> None:
    rows = audit.measure(audit.Setting.of(20, 1))
    assert [row.what for row in rows] == [
        "(a) first audit / (ip + ss)",
        "(a) sweep / (ip + ss)",
        "(a) CPU of the audit after a listener came",
        "(a) CPU of the audit after an address was deleted",
        "(a) CPU of the audit after an address was added",
        "(a) CPU of the audit after a listener closed, and a connect",
        "(a) CPU of the audit after an address was deleted / a sweep",
    ]
    assert "ip -j address + ss -Hltn" in capsys.readouterr().out


def test_a_small_audit_with_all_kinds_on(capsys: pytest.CaptureFixture[str]) -> None:
    """It finds one of each that it has made."""
    rows = kinds.measure(audit.Setting.of(20, 1))
    assert [row.what for row in rows] == [
        "(h) CPU of a first audit, all kinds on / plain",
        "(h) CPU of a sweep, all kinds on / plain",
    ]
    assert "sweep, all kinds on: CPU" in capsys.readouterr().out


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


def test_a_dns_client_that_cannot_be_used_is_a_line(
    netns: Netns, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "aiodns.py").write_text(  # as Debian's, which takes no port with an address
        "class DNSResolver:\n"
        "    def __init__(self, nameservers):\n"
        "        raise ValueError(f'invalid IP address {nameservers[0]!r}')\n"
    )
    (tmp_path / "dnsperf").write_text("#!/bin/sh\necho 'Queries completed: 1 (2.50%)'\n")
    (tmp_path / "dnsperf").chmod(0o755)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "aiodns", raising=False)
    with dns_zone.served(20, 60) as knot:
        rows = dns_unpaced.measure(dns_unpaced.Contest(knot.nameserver, 20, 2, tmp_path))
    assert {row.what.split(",")[0] for row in rows} == {"(e) queries per CPU-second / dns.asyncresolver"}
    said = capsys.readouterr()
    lines = [line.strip() for line in said.out.splitlines() if "cannot be used" in line]
    assert [re.sub(r"'.*'", "...", line) for line in lines] == [
        "peer cannot be used: aiodns (exit code 1: ValueError: invalid IP address ...)",
        "peer cannot be used: dnsperf (exit code 0, not all queries were completed)",
    ]
    assert said.err == ""


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
    instruments = Instruments(Build("bench"))
    for seconds in (0.0001, 0.02, 0.02, 60.0):
        instruments.queries.on_query("NOERROR", seconds)
    instruments.queries.on_query("TIMEOUT", 2.0)
    exposition = instruments.scrape(ProcessUsage()).decode()
    assert dns_paced.counted(exposition, dns_paced.QUERIES) == 5
    durations = dns_paced.histogram(exposition, "lowatch_dns_query_duration_seconds")
    assert (durations[0.01], durations[0.025], durations[math.inf]) == (1, 3, 5)
    assert dns_paced.histogram(exposition, "lowatch_no_such") == {}
