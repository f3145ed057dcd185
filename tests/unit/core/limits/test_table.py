"""All limits, and their page."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from lowatch.core.limits import alerts, boot, config, files, http, kernel, lookups, names, zones
from lowatch.core.limits.limit import Limit
from lowatch.core.limits.table import LIMITS
from tests.support.repository import ROOT
from tests.unit.report.golden import assert_golden

SOURCES = list((ROOT / "lowatch").rglob("*.py"))
ROOMS = (alerts, boot, config, files, http, kernel, lookups, names, zones)
PAGE = ROOT / "docs" / "limits.md"
HEAD = """# Limits

Everything that others can make grow has a bound. What lies beyond it is counted in
`lowatch_limit_reached_total{limit}`, shown by `lowatch status`, and reported in the log, at most once in
ten minutes for each limit; limits where nothing is lost but time (*) are only counted. Up to its bound,
what something costs grows linearly with it. The tables are in `lowatch/core/limits/`, and a test keeps
this page equal to them
(`LOWATCH_GOLDEN=write` rewrites it).

| limit | value | of what | beyond it | why this number | configuration |
| --- | ---: | --- | --- | --- | --- |
"""


def row(limit: Limit) -> str:
    star = " *" if limit.lossless else ""
    key = f"`{limit.key}`" if limit.key else "fixed"
    name = f"`{limit.name}`{star}"
    cells = (name, f"{limit.value:,}", limit.counts, limit.beyond, limit.why, key)
    return f"| {' | '.join(cells)} |\n"


def test_the_page_has_every_limit() -> None:
    assert_golden(str(PAGE), HEAD + "".join(map(row, LIMITS)))


def test_each_is_met_somewhere() -> None:
    code = [path.read_text() for path in SOURCES if path.parent.name != "limits"]
    constants = [name for room in ROOMS for name, value in vars(room).items() if isinstance(value, Limit)]
    assert len(constants) == len(LIMITS)
    unused = [name for name in constants if not any(re.search(rf"\b{name}\b", text) for text in code)]
    assert unused == []


def test_names_are_unique_and_fit_for_a_label() -> None:
    labels = [limit.name for limit in LIMITS]
    assert len(set(labels)) == len(labels)
    assert [name for name in labels if not re.fullmatch("[a-z][a-z0-9_]*", name)] == []


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_a_limit_is_argued(limit: Limit) -> None:
    assert limit.value > 0
    for text in (limit.counts, limit.beyond, limit.why):
        assert text == text.strip() != ""
        assert not text.endswith(".")
        assert "|" not in text


def test_every_thread_counts() -> None:
    limit = Limit("carts", 1000, "carts of a shop", "the rest is left out", "a shop")
    with ThreadPoolExecutor(4) as threads:
        for _ in range(4):
            threads.submit(lambda: [limit.reached() for _ in range(10_000)])
    assert limit.times == 40_000
