"""The dashboard's JSON, as far as it can be judged without a Grafana. Its queries: tests/e2e."""

import json
import re
from itertools import combinations
from typing import Any

import pytest

from lowatch.report.metrics import families
from tests.support.repository import ROOT

DASHBOARD = json.loads((ROOT / "packaging/grafana/lowatch.json").read_text())
PANELS = DASHBOARD["panels"]
SHOWING = [panel for panel in PANELS if panel["type"] != "row"]
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
# https://grafana.com/docs/grafana/latest/panels-visualizations/ and getUnitFormat's identifiers
TYPES = {"stat", "timeseries", "table", "state-timeline"}
UNITS = {"none", "s", "reqps", "ops", "bytes", "percentunit"}
COLUMN_UNITS = {"dateTimeFromNow", "bool_yes_no"}


def every(key: str, tree: Any) -> list[Any]:
    """The values of a key, wherever it stands."""
    if isinstance(tree, list):
        return [found for each in tree for found in every(key, each)]
    if not isinstance(tree, dict):
        return []
    below = [found for value in tree.values() for found in every(key, value)]
    return [tree[key], *below] if key in tree else below


def test_what_identifies_it() -> None:
    assert (DASHBOARD["uid"], DASHBOARD["title"]) == ("lowatch", "lowatch")
    assert DASHBOARD["schemaVersion"] == 38  # Grafana 10.0's
    assert "id" not in DASHBOARD  # a number of the Grafana that it came from


def test_ids_and_titles_are_unique() -> None:
    assert [panel["id"] for panel in PANELS] == list(range(1, len(PANELS) + 1))
    titles = [panel["title"] for panel in PANELS]
    assert len(set(titles)) == len(titles)


def test_panels_are_on_the_grid_and_do_not_overlap() -> None:
    cells = {}
    for panel in PANELS:
        x, y, w, h = (panel["gridPos"][key] for key in "xywh")
        assert x >= 0
        assert x + w <= 24
        cells[panel["title"]] = {(i, j) for i in range(x, x + w) for j in range(y, y + h)}
    for (one, here), (other, there) in combinations(cells.items(), 2):
        assert not here & there, (one, other)


def test_every_row_is_filled_to_its_end() -> None:
    """Of the panels at one height, none leaves a hole at the right."""
    for top in {panel["gridPos"]["y"] for panel in PANELS}:
        assert sum(panel["gridPos"]["w"] for panel in PANELS if panel["gridPos"]["y"] == top) == 24


def test_the_data_source_is_the_variable_everywhere() -> None:
    asking = [*SHOWING, *(target for panel in SHOWING for target in panel["targets"])]
    asking += [*DASHBOARD["annotations"]["list"], *DASHBOARD["templating"]["list"][1:]]
    assert [each for each in asking if each.get("datasource") != DATASOURCE] == []
    assert {each["uid"] for each in every("datasource", DASHBOARD)} == {"${datasource}"}


def test_the_variables() -> None:
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    assert list(variables) == ["datasource", "job", "instance", "domain"]
    assert variables["datasource"]["type"] == "datasource"
    for name in ("job", "instance", "domain"):
        assert variables[name]["multi"]
        assert variables[name]["includeAll"]


@pytest.mark.parametrize("panel", SHOWING, ids=lambda panel: panel["title"])
def test_a_panel_is_well_formed(panel: dict[str, Any]) -> None:
    assert panel["type"] in TYPES
    refs = [target["refId"] for target in panel["targets"]]
    assert refs == [chr(ord("A") + index) for index in range(len(refs))]
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    of_columns = [
        each["value"]
        for override in panel["fieldConfig"]["overrides"]
        for each in override["properties"]
        if each["id"] == "unit"
    ]
    assert set(of_columns) <= COLUMN_UNITS
    for target in panel["targets"]:
        assert target["instant"] is not target["range"]


@pytest.mark.parametrize("panel", SHOWING, ids=lambda panel: panel["title"])
def test_a_panel_asks_the_chosen_hosts_for_metrics_that_there_are(
    panel: dict[str, Any],
) -> None:
    of_lowatch = (*families.AUDIT_FAMILIES, *families.DAEMON_FAMILIES, *families.PROCESS_FAMILIES)
    known = {family.name for family in of_lowatch} | {"up", "ALERTS_FOR_STATE"}
    for target in panel["targets"]:
        selectors = re.findall(r"(\w+)\{(.*?)\}", target["expr"])
        assert selectors
        for name, matchers in selectors:
            assert name.removesuffix("_bucket") in known
            assert 'job=~"$job",instance=~"$instance"' in matchers


def test_a_tables_columns_are_fields_that_its_queries_have() -> None:
    for panel in SHOWING:
        if panel["type"] != "table":
            continue
        _, organize = panel["transformations"]
        options = organize["options"]
        columns = options["renameByName"]
        asked = " ".join(target["expr"] for target in panel["targets"])
        values = {f"Value #{target['refId']}" for target in panel["targets"]}
        values = values if len(values) > 1 else {"Value"}
        shown = set(columns) - values
        assert shown <= set(re.findall(r"\w+", asked))
        assert set(options["indexByName"]) == set(columns)
        assert values <= {*columns, *options["excludeByName"]}
        assert {sort["displayName"] for sort in panel["options"]["sortBy"]} <= set(columns.values())


def test_every_metric_of_the_daemon_is_on_it() -> None:
    """Those that tell something over time; a new one is not forgotten here."""
    asked = " ".join(target["expr"] for panel in SHOWING for target in panel["targets"])
    elsewhere = {"process_virtual_memory_bytes"}
    every_family = (*families.AUDIT_FAMILIES, *families.DAEMON_FAMILIES, *families.PROCESS_FAMILIES)
    missing = {family.name for family in every_family if family.name not in asked}
    assert missing == elsewhere
