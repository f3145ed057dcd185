"""`lowatch check` and `lowatch snapshot` find names in zone files, too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.checking import check, lowatch
from tests.support.daemon import configuration
from tests.support.dns_server import Knot, free_port
from tests.support.netns import Netns

WWW = "www.example.com"
SOA = "example.com. 60 IN SOA ns.example.com. root.example.com. 7 3600 900 604800 60\n"
RECORDS = f"{WWW}. 60 IN A 192.0.2.10\nother.example.com. 60 IN A 198.51.100.1\n"


@pytest.fixture
def zone(netns: Netns, tmp_path: Path) -> Path:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    file = tmp_path / "example.zone"
    file.write_text(SOA + RECORDS)
    return file


def test_an_orphan_that_nobody_configured(zone: Path, tmp_path: Path) -> None:
    with Knot({"example.com": "www A 192.0.2.10"}) as knot:
        tables = f'[[zones]]\nfile = "example.zone"\nserver = "{knot.nameserver}"'
        settings = configuration(knot, "", tables=tables)
        code, report = check(tmp_path, settings)
        recorded = lowatch("snapshot", "-c", str(tmp_path / "lowatch.toml"))
        explained = lowatch("explain", "-c", str(tmp_path / "lowatch.toml"), "192.0.2.10")
        verified = lowatch("check", "--verify", "--format", "json", "-c", str(tmp_path / "lowatch.toml"))
    assert code == 0, "only information: nothing shows which port the name should serve"
    found = {(one["kind"], one["domain"], one["severity"]) for one in report["findings"]}
    assert found == {("orphan-vip", WWW, "info")}
    assert [(one["name"], one["source"]) for one in report["names"]] == [(WWW, "zone")]
    assert WWW in explained.stdout
    assert json.loads(verified.stdout)["names"] == report["names"]
    assert json.loads(verified.stdout)["verification"]["disagreements"] == []
    (tmp_path / "recorded.json").write_text(recorded.stdout)
    again = lowatch("check", "--snapshot", str(tmp_path / "recorded.json"), "--format", "json")
    assert again.code == 0
    assert {one["severity"] for one in json.loads(again.stdout)["findings"]} == {"info"}
    assert json.loads(again.stdout)["names"] == report["names"]


def test_where_no_name_leads_here_all_is_clear(zone: Path, tmp_path: Path) -> None:
    zone.write_text(SOA + "other.example.com. 60 IN A 198.51.100.1\n")
    with Knot({}) as knot:
        settings = configuration(knot, "", tables='[[zones]]\nfile = "example.zone"')
        code, report = check(tmp_path, settings)
        text = lowatch("check", "-c", str(tmp_path / "lowatch.toml")).stdout
    assert (code, report["complete"], report["names"]) == (0, True, [])
    assert "no domain is configured" not in text


def test_a_damaged_zone_or_a_server_without_it_is_not_clean(zone: Path, tmp_path: Path) -> None:
    zone.write_text(SOA + RECORDS[:-1])
    with Knot({}) as knot:
        tables = '[[zones]]\nfile = "example.zone"'
        code, report = check(tmp_path, configuration(knot, "", tables=tables))
        message = f"{zone}: ends within a line: it is cut off"
        assert code == 3
        assert {"source": "zone", "message": message} in report["problems"]

        zone.write_text(SOA)
        nobody = f"127.0.0.1:{free_port()}"
        code, report = check(tmp_path, configuration(knot, "", tables=f'{tables}\nserver = "{nobody}"'))
        message = f"{zone}: {nobody}: Connection refused: the zone has expired, or it is not loaded"
        assert code == 3
        assert {"source": "zone", "message": message} in report["problems"]
