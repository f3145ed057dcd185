"""OpenMetrics, as another's strict parser reads it: the same series and values as in the text format."""

from __future__ import annotations

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from lowatch.report.metrics import families
from lowatch.report.metrics.audit import AuditEncoder, orphan_values
from lowatch.report.metrics.exposition import Format, header, with_label
from lowatch.report.metrics.families import Family
from lowatch.report.metrics.instruments import Build, Instruments
from tests.unit.report.audit_worlds import bad_night, clear
from tests.unit.report.metrics.scraped import USAGE
from tests.unit.report.metrics.test_audit import EVERY_FAMILY, Samples, samples


def exposition(form: Format) -> str:
    instruments = Instruments(Build("1.2.3"))
    instruments.audited(0.003)
    instruments.queries.on_query("NOERROR", 0.0007)
    instruments.loop.on_turn(0.01)
    world = bad_night()
    audit = AuditEncoder().pieces(world, orphan_values(world.endpoints), form)
    return b"".join([*audit, instruments.scrape(USAGE, form)]).decode()


def test_the_same_samples_in_both_formats() -> None:
    found: Samples = {}
    for family in text_string_to_metric_families(exposition(Format.OPENMETRICS)):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    assert found == samples(exposition(Format.TEXT).encode())


def test_every_family_is_there_with_its_type_help_and_unit() -> None:
    told = {one.name: one for one in text_string_to_metric_families(exposition(Format.OPENMETRICS))}
    assert len(told) == len(EVERY_FAMILY)
    for family in EVERY_FAMILY:
        one = told[family.name.removesuffix("_total")]
        assert (one.type, one.documentation) == (family.kind, family.help)
        unit = one.name.rpartition("_")[2]
        assert one.unit == (unit if unit in ("seconds", "bytes") else "")


def test_it_ends_as_it_has_to() -> None:
    assert exposition(Format.OPENMETRICS).endswith("\n# EOF\n")
    assert "# EOF" not in exposition(Format.TEXT)
    assert "# UNIT" not in exposition(Format.TEXT)


def test_one_audit_by_itself_is_not_all_of_it() -> None:
    """`check` prints the text format."""
    world = clear()
    body = AuditEncoder().render(world, orphan_values(world.endpoints)).body.decode()
    with pytest.raises(ValueError, match="EOF"):
        list(text_string_to_metric_families(body))


@pytest.mark.parametrize(
    ("line", "labelled"),
    [
        ("", ""),
        ("# HELP up x", "# HELP up x"),
        ("up 1", 'up{netns="a\\"b"} 1'),
        ('up{a="} 1"} 0', 'up{a="} 1",netns="a\\"b"} 0'),
    ],
)
def test_one_more_label(line: str, labelled: str) -> None:
    assert with_label(line, "netns", 'a"b') == labelled


def test_in_help_a_quote_is_escaped() -> None:
    """OpenMetrics 1.0, ABNF escaped-string; in the text format it stands for itself."""
    family = Family("a_bytes_total", "counter", 'A "quoted" \\ help\nof two lines.')
    assert header(family, Format.OPENMETRICS) == (
        '# HELP a_bytes A \\"quoted\\" \\\\ help\\nof two lines.\n'
        "# TYPE a_bytes counter\n# UNIT a_bytes bytes\n"
    )


def test_no_name_clashes_with_what_openmetrics_makes_of_another() -> None:
    names = {family.name.removesuffix("_total") for family in EVERY_FAMILY}
    suffixed = {
        f"{family.name.removesuffix('_total')}{suffix}"
        for family in EVERY_FAMILY
        for suffix in {"counter": ("_total", "_created"), "histogram": ("_bucket", "_count", "_sum")}.get(
            family.kind, ()
        )
    }
    assert len(names) == len(EVERY_FAMILY)
    assert not names & suffixed
    assert families.BUILD_INFO.kind == "gauge"  # as Go's client has go_info
