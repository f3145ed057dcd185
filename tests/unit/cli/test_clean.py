"""lowatch clean: the plan, and arguments that do not fit together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.cli.cleaning_worlds import BEFORE
from tests.unit.cli.conftest import CommandLine, FakeStartError


@pytest.fixture(autouse=True)
def no_daemon(lowatch: CommandLine, tmp_path: Path) -> None:
    lowatch.variables["RUNTIME_DIRECTORY"] = str(tmp_path)
    lowatch.wiring.audit = BEFORE


def test_it_shows_the_plan_and_changes_nothing(lowatch: CommandLine) -> None:
    code, stdout, stderr = lowatch("clean")
    assert (code, stderr) == (0, "")
    assert "lowatch clean --apply would fix 1 of 1 finding" in stdout
    assert "ip address del 192.0.2.10/32 dev lo" in stdout


def test_an_audit_that_is_incomplete(lowatch: CommandLine) -> None:
    lowatch.wiring.audit = replace(BEFORE, complete=False)
    assert lowatch("clean").code == 3
    lowatch.wiring.raises = FakeStartError("netlink: no")
    assert tuple(lowatch("clean")) == (3, "", "lowatch: netlink: no\n")


@pytest.mark.parametrize("name", ["orphan-vip", "192.0.2.10"])
def test_a_kind_or_an_address(lowatch: CommandLine, name: str) -> None:
    assert "1 of 1 finding" in lowatch("clean", name).stdout


@pytest.mark.parametrize("name", ["idle-vip", "192.0.2.11", "2001:db8::1"])
def test_others_are_left_out(lowatch: CommandLine, name: str) -> None:
    assert lowatch("clean", name).stdout == "Nothing to fix there: 1 finding about something else.\n"


def test_all_mistakes_are_told(lowatch: CommandLine) -> None:
    code, stdout, stderr = lowatch("clean", "192.0.2", "orphan-vips")
    assert (code, stdout) == (2, "")
    first, second = stderr.splitlines()
    assert first.startswith("lowatch: '192.0.2' ")
    assert second.startswith("lowatch: 'orphan-vips' is not a kind of finding")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--yes",), "--yes needs --apply"),
        (("--undo", "x", "--apply"), "--undo takes no other argument"),
        (("--undo", "x", "orphan-vip"), "--undo takes no other argument"),
        (("--undo", "x", "-c", "y"), "--undo takes no other argument"),
    ],
)
def test_what_does_not_fit_together(lowatch: CommandLine, arguments: tuple[str, ...], why: str) -> None:
    assert tuple(lowatch("clean", *arguments)) == (2, "", f"lowatch: {why} (see lowatch clean --help)\n")
