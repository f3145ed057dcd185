"""The message catalog: an entry for each MESSAGE_ID, as journalctl itself reads the file."""

from __future__ import annotations

import io
import re
import shlex
import shutil
import subprocess

import pytest

from lowatch.cli.arguments import parse
from lowatch.cli.environment import Environment
from lowatch.core.clock import Now
from lowatch.core.findings import Finding, FindingKind, Subject
from lowatch.core.lifecycle import (
    FindingState,
    Tracked,
)
from lowatch.report.alert import entry as alert
from lowatch.report.alert.entry import (
    COUNT,
    FOLDED,
    Announcement,
    summary_fields,
)
from tests.support.repository import ROOT

CATALOG = ROOT / "packaging/catalog/lowatch.catalog"
OWN_ONLY = {COUNT, FOLDED}
HEADERS = ["Subject", "Defined-By", "Support", "Documentation"]
SECTIONS = ["What it means:", "What breaks:", "[[acknowledge]]"]
NAMES = {
    **{kind.value: identifier for kind, identifier in alert.MESSAGE_IDS.items()},
    "resolved": alert.RESOLVED_MESSAGE_ID,
    "storm": alert.STORM_MESSAGE_ID,
}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The text of each entry by its id, out of the database that journalctl makes of the file."""
    root = tmp_path_factory.mktemp("root")
    place = root / "usr/lib/systemd/catalog"
    place.mkdir(parents=True)
    shutil.copy(CATALOG, place)
    subprocess.run(["journalctl", "--update-catalog", f"--root={root}"], check=True)
    dumped = subprocess.run(
        ["journalctl", "--dump-catalog", f"--root={root}"], check=True, capture_output=True, text=True
    )
    assert dumped.stderr == ""
    parts = re.split("^-- ([0-9a-f]{32})$", dumped.stdout, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_message_id_has_an_entry_and_every_entry_an_id(catalog: dict[str, str]) -> None:
    assert catalog.keys() == set(NAMES.values())


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_says_what_breaks_how_to_find_out_how_to_mend_and_how_to_accept(
    catalog: dict[str, str], name: str
) -> None:
    head, body = catalog[NAMES[name]].strip().split("\n\n", 1)
    assert [line.split(":")[0] for line in head.splitlines()] == HEADERS
    assert all(section in body for section in SECTIONS)
    assert "lowatch explain" in body or "ip -details link" in body
    if name not in ("resolved", "storm"):
        assert f'kind = "{name}"' in body
        assert "@LOWATCH_FIX@" in body
        assert "@LOWATCH_REASON@" in body
    assert all(len(line) < 100 for line in body.splitlines())


def test_what_it_shows_may_be_copied(catalog: dict[str, str]) -> None:
    """Each line with a command of ours is one that the program takes, its fields filled in."""
    values = {"DOMAIN": "www.example.com", "ADDRESS": "192.0.2.10", "KIND": "orphan-vip"}
    shown = [line.strip() for text in catalog.values() for line in text.splitlines()]
    for line in {line for line in shown if line.startswith("lowatch ")}:
        command = re.sub("@LOWATCH_([A-Z]+)@", lambda found: values[found[1]], line)
        environment = Environment(io.StringIO(), io.StringIO(), {}.get, pytest.fail)
        words = shlex.split(command)[1:]
        assert parse(words, environment), line


def test_every_field_that_is_named_is_in_every_entry_that_may_need_it(catalog: dict[str, str]) -> None:
    tracked = Tracked(Finding(Subject(FindingKind.IDLE_VIP), "left behind"), FindingState.FIRING, 0.0, 0.0)
    own = alert.fields(tracked, Now(0.0, 0.0)).keys()
    summary = summary_fields([Announcement(tracked, Now(0.0, 0.0))]).keys()
    assert summary - own == OWN_ONLY
    for identifier, text in catalog.items():
        there = summary if identifier == alert.STORM_MESSAGE_ID else own
        assert set(re.findall("@([A-Z_]+)@", text)) <= there
        assert not re.findall("@", re.sub("@[A-Z_]+@", "", text))
