from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.core.addresses import parse_address
from lowatch.core.audit import Audit
from lowatch.core.boot import BootFiles, Configured, Unread, compare
from lowatch.core.findings import FindingKind
from lowatch.core.name_sources import NameSource
from lowatch.core.verification import Outcome, Verification
from lowatch.report.json_report import render_audit, render_findings

from .audit_worlds import (
    UPTIME,
    audit,
    bad_night,
    big,
    clear,
    held,
    incomplete,
    one_orphan,
    tracked,
    unresolved,
)
from .golden import assert_golden

WORLDS = {
    "clear": clear,
    "one-orphan": one_orphan,
    "bad-night": bad_night,
    "incomplete": incomplete,
    "unresolved": unresolved,
}

# A promise to users, in its order; "reason" is an addition.
MEMBERS = [
    "schema",
    "host",
    "audited_at",
    "complete",
    "problems",
    "held",
    "endpoints",
    "findings",
    "summary",
    "names",
    "missing",
    "boot",
    "netns",  # an addition, as in each row below
    "verification",
]
LISTENER = ["address", "unit", "uid", "inode"]
ROWS = {
    "problems": ["source", "message"],
    "held": [
        "address",
        "prefixlen",
        "interface",
        "by",
        "label",
        "flags",
        "age_seconds",
        "origin",
        "configured",
        "netns",
    ],
    "names": ["name", "status", "source", "reason", "addresses", "age_seconds"],
    "endpoints": [
        "domain",
        "address",
        "interface",
        "port",
        "protocol",
        "view",
        "verdict",
        "listener",
        "reason",
        "netns",
    ],
    "findings": [
        "kind",
        "severity",
        "state",
        "key",
        "interface",
        "address",
        "domain",
        "port",
        "protocol",
        "since",
        "message",
        "fix",
        "advice",  # an addition
        "acknowledged",  # an addition
        "last_served",  # an addition
        "refused",  # an addition
        "fixes",  # an addition
        "netns",
    ],
}


def parse(audit: Audit) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(render_audit(audit))
    return document


@pytest.mark.parametrize("name", WORLDS)
def test_golden(name: str) -> None:
    assert_golden(f"json-{name}.json", render_audit(WORLDS[name]()).decode("ascii"))


@pytest.mark.parametrize("name", WORLDS)
def test_members_are_the_contracts_in_its_order(name: str) -> None:
    document = parse(WORLDS[name]())
    assert list(document) == MEMBERS
    assert document["schema"] == 1
    for member, columns in ROWS.items():
        assert all(list(row) == columns for row in document[member])
    for row in document["endpoints"]:
        assert list(row["listener"] or LISTENER) == LISTENER


def test_findings_alone_are_the_same_rows() -> None:
    document = json.loads(render_findings(bad_night()))
    assert list(document) == ["schema", "findings"]
    assert document["schema"] == 1
    assert document["findings"] == parse(bad_night())["findings"]


def test_an_empty_audit() -> None:
    assert parse(audit()) == {
        "schema": 1,
        "host": "web-17",
        "audited_at": "2026-11-23T03:12:07Z",
        "complete": True,
        "problems": [],
        "held": [],
        "endpoints": [],
        "findings": [],
        "summary": {},
        "names": [],
        "missing": None,
        "boot": None,
        "netns": None,
        "verification": None,
    }
    assert json.loads(render_findings(audit())) == {"schema": 1, "findings": []}


def test_what_a_verification_found() -> None:
    found = Verification(
        Counter({Outcome.NOT_MET: 1, Outcome.AGREES: 2}),
        messages=230,
        answers=8,
        series=50,
        disagreements=("a",),
        unseen=("b",),
        missed=("c",),
        report="x.json",
    )
    assert parse(replace(audit(), verification=found))["verification"] == {
        "confirmed": False,
        "verdicts": {"agrees": 2, "not met": 1},
        "netlink_messages": 230,
        "dns_answers": 8,
        "metrics_series": 50,
        "disagreements": ["a"],
        "unseen": ["b"],
        "not_compared": ["c"],
        "report": "x.json",
    }
    assert parse(replace(audit(), verification=Verification()))["verification"]["report"] is None


def test_where_addresses_are_configured() -> None:
    vip, gone = (Configured(parse_address(f"192.0.2.1{n}"), 32, "lo", "/etc/x", n, "x") for n in (0, 1))
    known = compare(BootFiles((vip, gone), (Unread("/y", 0, "odd"),), 7), lambda entry: entry is vip)
    document = parse(replace(audit(held=[held("192.0.2.10"), held("192.0.2.9")]), boot=known))
    row = {"file": "/etc/x", "by": "x", "effect": "adds", "note": None, "prefixlen": 32, "interface": "lo"}
    assert {each["address"]: each["configured"] for each in document["held"]} == {
        "192.0.2.9": [],
        "192.0.2.10": [row | {"line": 0}],
    }
    assert document["missing"] == [{"address": "192.0.2.11"} | row | {"line": 1}]
    assert document["boot"] == {"files": 7, "unread": [{"file": "/y", "line": None, "reason": "odd"}]}


def test_missing_is_null_where_the_held_addresses_are_unknown() -> None:
    document = parse(replace(audit(), boot=compare(BootFiles(), None)))
    assert (document["missing"], document["boot"]) == (None, {"files": 0, "unread": []})


def test_what_does_not_apply_is_null() -> None:
    document = parse(audit([tracked(FindingKind.MISSING_VIP, "gone", interface=None)], held=[held("::1")]))
    finding = document["findings"][0]
    assert {name for name, value in finding.items() if value is None} == {
        "interface",
        "address",
        "domain",
        "port",
        "protocol",
        "advice",
        "acknowledged",
        "last_served",
        "refused",
        "netns",
    }
    assert finding["fix"] == []
    (row,) = document["held"]
    assert (row["label"], row["age_seconds"], row["origin"], row["flags"]) == (None, None, None, [])


def test_a_network_namespace_is_in_every_row() -> None:
    document = parse(replace(bad_night(), netns="blue"))
    rows = [document, *document["held"], *document["endpoints"], *document["findings"]]
    assert {row["netns"] for row in rows} == {"blue"}


def test_age_is_counted_from_boot() -> None:
    rows = [held("192.0.2.1", created=UPTIME - 12.25), held("192.0.2.2", created=UPTIME + 0.1)]
    assert [row["age_seconds"] for row in parse(audit(held=rows))["held"]] == [12.25, 0.0]


def test_summary_counts_the_kinds_that_occur() -> None:
    document = parse(bad_night())
    assert document["summary"] == {
        "backlogged-vip": 1,
        "idle-vip": 1,
        "missing-vip": 1,
        "orphan-vip": 2,
        "views-disagree": 1,
        "wide-prefix": 1,
    }
    assert sum(document["summary"].values()) == len(document["findings"])


def test_addresses_are_ordered_by_number_and_findings_worst_first() -> None:
    document = parse(big(served=300, idle=12))
    addresses = [row["address"] for row in document["held"]]
    assert addresses[:3] == ["10.0.0.0", "10.0.0.1", "10.0.0.2"]
    assert addresses[-1] == "::1"
    severities = [(row["state"], row["severity"]) for row in parse(bad_night())["findings"]]
    assert severities == [
        ("firing", "critical"),
        ("pending", "critical"),
        ("firing", "critical"),
        ("firing", "warning"),
        ("firing", "warning"),
        ("firing", "warning"),
        ("acknowledged", "info"),
    ]


@given(st.randoms(use_true_random=False))
def test_order_does_not_depend_on_the_audits(chance: random.Random) -> None:
    def shuffled(items: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(chance.sample(items, len(items)))

    world = bad_night()
    other = replace(
        world,
        held=shuffled(world.held),
        endpoints=shuffled(world.endpoints),
        findings=shuffled(world.findings),
        names=shuffled(world.names),
    )
    assert render_audit(other) == render_audit(world)


def test_names_say_why_they_do_not_resolve() -> None:
    rows = {row["name"]: row for row in parse(unresolved())["names"]}
    assert rows["wwww.example.com"] == {
        "name": "wwww.example.com",
        "status": "nxdomain",
        "source": "configured",
        "reason": "the name does not exist, according to 192.0.2.53",
        "addresses": [],
        "age_seconds": None,
    }
    stale, fine = rows["api.example.com"], rows["www.example.com"]
    assert (stale["reason"], stale["addresses"], stale["age_seconds"]) == (
        "A: timed out",
        ["192.0.2.99"],
        843.0,
    )
    assert (fine["status"], fine["reason"], fine["addresses"]) == ("resolved", None, ["192.0.2.10"])


def test_a_name_that_only_a_file_has_says_so() -> None:
    audit = replace(unresolved(), sources={"wwww.example.com": NameSource.FILE})
    sources = {row["name"]: row["source"] for row in parse(audit)["names"]}
    assert sources.pop("wwww.example.com") == "file"
    assert set(sources.values()) == {"configured"}


@given(st.text(), st.text())
def test_any_text_comes_back_from_pure_ascii(message: str, domain: str) -> None:
    one = tracked(FindingKind.IDLE_VIP, message, domain=domain)
    finding = parse(audit([one]))["findings"][0]
    assert (finding["message"], finding["domain"]) == (message, domain)


def test_one_row_per_line() -> None:
    lines = render_audit(one_orphan()).decode().splitlines()
    row = next(line for line in lines if "orphan-vip/lo/192.0.2.10/www.example.com/443/tcp" in line)
    assert json.loads(row)["port"] == 443
