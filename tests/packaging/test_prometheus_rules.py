"""The shipped rules are what the mixin makes, promtool's tests pass, and the runbook has them all."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lowatch.core.findings import FindingKind, Severity
from lowatch.core.limits.table import LIMITS
from lowatch.report.metrics import families
from tests.support.prometheus import MIXIN, jsonnet
from tests.support.repository import ROOT

PROMETHEUS = ROOT / "packaging/prometheus"
RULES = PROMETHEUS / "lowatch.rules.yml"
TESTS = PROMETHEUS / "lowatch.rules.test.yml"
RUNBOOK = (ROOT / "docs/alerts.md").read_text()

GROUPS = yaml.safe_load(RULES.read_text())["groups"]
EVERY_RULE = [rule for group in GROUPS for rule in group["rules"]]
ALERTS = [rule for rule in EVERY_RULE if "alert" in rule]
RECORDED = [rule["record"] for rule in EVERY_RULE if "record" in rule]
UNIT_TESTS = yaml.safe_load(TESTS.read_text())["tests"]


def succeeds(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rendered(config: str) -> list[dict[str, Any]]:
    """The alerts of the mixin with these values in `_config`."""
    made = jsonnet(f"((import 'mixin.libsonnet') + {{ _config+:: {config} }}).prometheusAlerts.groups")
    return [rule for group in yaml.safe_load(made) for rule in group["rules"]]


@pytest.mark.parametrize(
    ("program", "arguments", "file"),
    [
        ("rules.jsonnet", ["-S"], RULES),
        ("dashboard.jsonnet", [], ROOT / "packaging/grafana/lowatch.json"),
    ],
)
def test_what_is_shipped_is_what_the_mixin_makes(program: str, arguments: list[str], file: Path) -> None:
    made = jsonnet(f"import '{program}'", *arguments)
    assert made == file.read_text(), "not made anew: make -C packaging/prometheus/mixin"


def test_the_mixin_is_formatted() -> None:
    files = sorted(str(file) for file in MIXIN.rglob("*.*sonnet"))
    succeeds("jsonnetfmt", "--test", *files)


def test_promtool_accepts_the_rules() -> None:
    assert f"SUCCESS: {len(EVERY_RULE)} rules found" in succeeds("promtool", "check", "rules", str(RULES))


def test_promtools_unit_tests_pass() -> None:
    succeeds("promtool", "test", "rules", str(TESTS))


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_promtool_tests_that_it_fires_not_too_early_and_resolves(alert: dict[str, Any]) -> None:
    name = alert["alert"]
    checks = [check for test in UNIT_TESTS for check in test.get("alert_rule_test", ())]
    of_it = [bool(check["exp_alerts"]) for check in checks if check["alertname"] == name]
    assert of_it[:1] == [False], "that it waits"
    assert False in of_it[of_it.index(True) :], "that it resolves"


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_has_all_that_whoever_is_paged_needs(alert: dict[str, Any]) -> None:
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
    if alert["alert"] == "LowatchFinding":  # its series have their own
        assert "labels" not in alert
    else:
        assert alert["labels"]["severity"] in set(Severity)
    assert alert["annotations"]["runbook_url"].endswith(f"/alerts.md#{alert['alert'].lower()}")


def test_the_runbook_has_a_section_for_each_alert_and_for_no_other() -> None:
    sections = re.split(r"^## ", RUNBOOK, flags=re.MULTILINE)[1:]
    assert [section.split("\n")[0] for section in sections] == [alert["alert"] for alert in ALERTS]
    for section in sections:
        leads = re.findall(r"^\*\*(.+?)\.?\*\*", section, re.MULTILINE)
        wanted = ["What it means", "What breaks", "Why", "Fix", "Silencing"]
        if "Why, and fix" in leads:
            wanted[2:4] = ["Why, and fix"]
        assert leads == wanted, section


def test_the_links_within_the_runbook_lead_somewhere() -> None:
    anchors = {alert["alert"].lower() for alert in ALERTS}
    assert set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK)) == anchors


def test_the_table_of_the_runbook_says_what_the_rules_say() -> None:
    rows = re.findall(r"^\| \[(\w+)\]\(#\w+\) \| (.+?) \| (.+?) \|$", RUNBOOK, re.MULTILINE)
    said = {name: (severity, after) for name, severity, after in rows}
    for alert in ALERTS:
        severity, after = said.pop(alert["alert"])
        assert severity == alert.get("labels", {}).get("severity", "the finding's")
        if "for" in alert:
            number, unit = alert["for"][:-1], alert["for"][-1]
            assert after == f"{number} {'min' if unit == 'm' else unit}"
    assert said == {}


def test_the_runbook_knows_every_kind_of_finding_and_no_other() -> None:
    """Those that the rules tell of as LowatchFinding."""
    [section] = re.findall(r"^## LowatchFinding\n(.*?)^## ", RUNBOOK, re.DOTALL | re.MULTILINE)
    rows = set(re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE))
    assert {kind.value for kind in FindingKind} - {"orphan-vip", "idle-vip"} == rows


@pytest.mark.parametrize("rule", EVERY_RULE, ids=lambda rule: rule.get("alert", rule.get("record")))
def test_a_rule_asks_for_metrics_that_there_are(rule: dict[str, Any]) -> None:
    every = (*families.AUDIT_FAMILIES, *families.DAEMON_FAMILIES, *families.PROCESS_FAMILIES)
    known = {family.name for family in every} | set(RECORDED)
    named = re.findall(r"\b((?:vip:)?lo(?:watch)?_[a-z_:]+)", rule["expr"])
    assert named or "up{" in rule["expr"]
    assert {re.sub("_(bucket|count)$", "", name) for name in named} <= known


def test_the_example_for_alertmanager_is_valid_and_names_alerts_that_there_are() -> None:
    example = PROMETHEUS / "alertmanager.example.yml"
    succeeds("amtool", "check-config", str(example))
    named = set(re.findall(r"Lowatch[A-Z]\w+", example.read_text()))
    assert named
    assert named <= {alert["alert"] for alert in ALERTS}


# Other values.


def test_no_limit_at_which_something_is_lost_goes_unreported() -> None:
    lossless = {limit.name for limit in LIMITS if limit.lossless}
    [excluded] = re.findall(r'limit!~"([^"]+)"', RULES.read_text())
    assert set(excluded.split("|")) <= lossless


def test_a_link_to_the_runbook_can_be_opened_from_anywhere() -> None:
    """And is one place to change, for those without jsonnet."""
    links = re.findall(r"runbook_url: (.*)", RULES.read_text())
    place = '"https://runbooks.example.com/lowatch/alerts.md#'
    assert len(links) == len(ALERTS)
    assert all(link.startswith(place) for link in links)
    [sed] = re.findall(r"sed '(s,.*,)'", RUNBOOK)
    changed = subprocess.run(["sed", sed, RULES], capture_output=True, text=True, check=True).stdout
    assert changed.count('"https://wiki.example.net/vips/alerts.md#') == len(ALERTS)


def test_a_site_may_have_its_own_selector_runbook_and_labels() -> None:
    config = """{
        lowatchSelector: 'job=~"vips-.+"', runbookUrl: 'https://wiki.example.com/alerts',
        alertLabels: { team: 'network' }, hostLabels: ['cluster', 'instance'],
    }"""
    alerts = {alert["alert"]: alert for alert in rendered(config)}
    for name, alert in alerts.items():
        assert 'job="lowatch"' not in alert["expr"]
        assert alert["labels"]["team"] == "network"
        assert alert["annotations"]["runbook_url"] == f"https://wiki.example.com/alerts#{name.lower()}"
    orphan = alerts["LowatchOrphanVip"]["expr"]
    assert "on (cluster, instance)" in orphan
    assert "max without (alertname, alertstate, severity, team) (ALERTS{" in orphan


def test_no_patience_is_no_for() -> None:
    alerts = {alert["alert"]: alert for alert in rendered("{ orphanVipFor: '0s', downFor: '1h' }")}
    assert "for" not in alerts["LowatchOrphanVip"]
    assert alerts["LowatchDown"]["for"] == "1h"
