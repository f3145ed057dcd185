"""docs/metrics.md has every metric, docs/findings.md every kind and verdict, docs/configuration.md loads.

LOWATCH_GOLDEN=write rewrites the table of metrics.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from lowatch.config.load import load
from lowatch.core.findings import FindingKind
from lowatch.core.verdicts import Verdict
from lowatch.report.metrics import families
from lowatch.report.metrics.families import Family
from tests.support.repository import ROOT

METRICS = ROOT / "docs/metrics.md"
FINDINGS = (ROOT / "docs/findings.md").read_text()
CONFIGURATION = (ROOT / "docs/configuration.md").read_text()


def table(metrics: Sequence[Family]) -> str:
    rows = ["| metric | type | labels | meaning |", "| --- | --- | --- | --- |"]
    for one in metrics:
        labels = ", ".join(f"`{label}`" for label in one.labels)
        rows.append(f"| `{one.name}` | {one.kind} | {labels} | {one.help} |")
    return "\n".join(rows) + "\n"


def test_every_metric_has_its_row() -> None:
    text = METRICS.read_text()
    tables = map(table, (families.AUDIT_FAMILIES, families.DAEMON_FAMILIES, families.PROCESS_FAMILIES))
    expected = re.sub(r"(?:^\|.*\n)+", lambda _: next(tables), text, flags=re.MULTILINE)
    if os.environ.get("LOWATCH_GOLDEN") == "write":
        METRICS.write_text(expected)
    else:
        assert text == expected
    assert next(tables, None) is None


def test_every_kind_of_finding_has_its_row() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (critical|warning|info) \|", FINDINGS, re.MULTILINE)
    assert dict(rows) == {kind.value: kind.severity.value for kind in FindingKind}


def test_every_verdict_has_its_row() -> None:
    _, verdicts = FINDINGS.split("## Verdicts")
    assert set(re.findall(r"^\| `([a-z]+)` \|", verdicts, re.MULTILINE)) == set(Verdict)


@pytest.mark.parametrize("block", re.findall(r"```toml\n(.*?)```", CONFIGURATION, re.DOTALL))
def test_its_examples_load(block: str, tmp_path: Path) -> None:
    file = tmp_path / "lowatch.toml"
    file.write_text(block)
    assert load(file).files == (file,)
