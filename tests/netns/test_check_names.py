"""`lowatch check` of names that have no address: not clean, and never silent. A real Knot says so."""

from pathlib import Path

import pytest

from tests.support.checking import CommandResult, check, lowatch
from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns

WWW, GONE, EMPTY = "www.example.com", "gone.example.com", "empty.example.com"
ZONE = {"example.com": "www A 192.0.2.10\nempty TXT nothing"}


def told(path: Path, settings: str, *arguments: str) -> CommandResult:
    """As text."""
    path.joinpath("lowatch.toml").write_text(settings)
    return lowatch("check", "-c", str(path / "lowatch.toml"), *arguments)


@pytest.fixture
def served(netns: Netns) -> None:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    netns.listener("192.0.2.10", 80)


@pytest.mark.usefixtures("served")
def test_configured_ones_are_said_and_are_no_failure(tmp_path: Path) -> None:
    with Knot(ZONE) as knot:
        settings = configuration(knot, f'domains = ["{WWW}:80", "{GONE}", "{EMPTY}"]')
        code, report = check(tmp_path, settings)
        outcome = told(tmp_path, settings)
    assert (code, outcome.code, report["complete"], report["findings"]) == (0, 0, True, [])
    names = {row["name"]: row for row in report["names"]}
    assert {name: row["status"] for name, row in names.items()} == {
        WWW: "resolved",
        GONE: "nxdomain",
        EMPTY: "nodata",
    }
    assert names[WWW]["addresses"] == ["192.0.2.10"]
    assert names[GONE]["reason"].startswith("the name does not exist, according to 127.0.0.1")
    headline = outcome.stdout.splitlines()[0]
    assert "All clear" not in outcome.stdout
    assert headline.startswith("Nothing wrong found, but 2 of 3 domains do not resolve")
    assert f"nxdomain  {GONE}: " in outcome.stdout
    assert f"nodata    {EMPTY}: " in outcome.stdout


@pytest.mark.usefixtures("served")
def test_where_a_name_came_from(tmp_path: Path) -> None:
    """A name that the configuration has too is its own, whatever files say of it."""
    (tmp_path / "names.txt").write_text(f"{GONE}\n{EMPTY}\n")
    files = f'domains = ["{WWW}:80", "{GONE}"]\ndomains_from = [{{ path = "names.txt" }}]\n'
    with Knot(ZONE) as knot:
        settings = configuration(knot, files)
        every = check(tmp_path, settings).report["names"]
        named = check(tmp_path, settings, EMPTY).report["names"]
    assert {row["name"]: row["source"] for row in every} == {
        WWW: "configured",
        GONE: "configured",
        EMPTY: "file",
    }
    assert {row["name"]: row["source"] for row in named} == {EMPTY: "configured"}


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("name", [GONE, EMPTY, f"{GONE}:443"])
def test_one_that_was_asked_for_is_not_clean(tmp_path: Path, name: str) -> None:
    with Knot(ZONE) as knot:
        settings = configuration(knot, "")
        assert check(tmp_path, settings, f"{WWW}:80", name).code == 3
        outcome = told(tmp_path, settings, f"{WWW}:80", name)
        assert outcome.code == 3
        assert f"but {name.split(':', 1)[0]} does not resolve" in " ".join(outcome.stdout.split())


def test_something_worse_is_reported_first(netns: Netns, tmp_path: Path) -> None:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    with Knot(ZONE) as knot:
        outcome = told(tmp_path, configuration(knot, ""), f"{WWW}:80", GONE)
    assert outcome.code == 1
    headline = " ".join(outcome.stdout.split("\n\n")[0].split())
    assert headline.startswith("1 critical finding: orphan-vip")
    assert f"{GONE} does not resolve (nxdomain)." in headline


def test_unknown_is_never_clean_whoever_named_it(netns: Netns, tmp_path: Path) -> None:
    settings = 'domains = ["www.example.com"]\n[dns]\nnameservers = ["127.0.0.1:5399"]\ntimeout = "1s"\n'
    code, report = check(tmp_path, settings)
    assert (code, report["complete"]) == (3, False)
    assert [(row["name"], row["status"]) for row in report["names"]] == [(WWW, "unknown")]
    assert "unknown" in told(tmp_path, settings).stdout.splitlines()[0]


@pytest.mark.usefixtures("served")
def test_the_daemon_names_them_everywhere_until_they_resolve(tmp_path: Path) -> None:
    status = f'lowatch_domain_status{{domain="{GONE}",status="nxdomain"}}'
    with Knot(ZONE) as knot:
        settings = configuration(knot, f'domains = ["{WWW}:80", "{GONE}:80"]', dns='min_ttl = "1s"')
        with Daemon(tmp_path, settings) as daemon:
            daemon.until(lambda: daemon.metric(status) == 1)
            assert daemon.metric("lowatch_audit_complete") == 1
            assert {row["name"]: row["status"] for row in daemon.audit()["names"]} == {
                WWW: "resolved",
                GONE: "nxdomain",
            }
            assert "Unresolved domains" in daemon.get("/").body
            assert daemon.findings() == []
            knot.replace("example.com", f"{ZONE['example.com']}\ngone A 192.0.2.10")
            daemon.until(lambda: daemon.metric(status) is None)
            assert "Unresolved domains" not in daemon.get("/").body
            assert daemon.orphan(GONE) == 0
