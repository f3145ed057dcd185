"""lowatch clean --undo: only a script of this host, boot and namespace that root alone can have written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lowatch.core.changes.undo import Entry, Undo
from lowatch.core.changes.undo_script import render
from tests.unit.app.table_kernel import TableKernel
from tests.unit.cli.cleaning_worlds import KEPT, LO, ROW
from tests.unit.cli.conftest import CommandLine

UNDO = Undo(
    "web-17", "boot", 1, 1795403527.5, (Entry("kept", LO), Entry("removed", ROW), Entry("kept", KEPT))
)


def written(path: Path, undo: Undo = UNDO) -> Path:
    path.write_text(render(undo))
    path.chmod(0o600)
    return path


@pytest.fixture
def script(lowatch: CommandLine, tmp_path: Path) -> Path:
    lowatch.wiring.kernel = TableKernel(LO, KEPT)
    return written(tmp_path / "undo.sh")


def test_undone(lowatch: CommandLine, script: Path) -> None:
    code, stdout, stderr = lowatch("clean", "--undo", script)
    assert (code, stderr) == (0, "")
    assert lowatch.wiring.kernel.addresses == [LO, ROW, KEPT]
    *_, last = stdout.splitlines()
    assert last == "undone by 5 changes: addresses, routes and their order are as before"
    again = lowatch("clean", "--undo", script)
    assert again.stdout == "nothing to undo: addresses, routes and their order are as before\n"


def test_an_interface_with_a_control_character(lowatch: CommandLine, script: Path) -> None:
    odd = ROW._replace(interface="\x1b[31mX")
    written(script, UNDO._replace(entries=(Entry("removed", odd),)))
    assert r"add 192.0.2.10/32 dev \x1b[31mX" in lowatch("clean", "--undo", script).stdout.splitlines()


def test_what_fails_is_told(lowatch: CommandLine, script: Path) -> None:
    lowatch.wiring.kernel.refuses.add(ROW)
    code, stdout, stderr = lowatch("clean", "--undo", script)
    assert (code, stdout) == (1, "")
    assert stderr.splitlines() == [
        "lowatch: failed: 192.0.2.10/32 dev lo: Operation not permitted",
        "lowatch: not as it was before: 192.0.2.10/32 dev lo is missing",
    ]


@pytest.mark.parametrize(
    ("undo", "why"),
    [
        (UNDO._replace(host="db1"), "was written on db1; this is web-17"),
        (
            UNDO._replace(boot="other"),
            "was written before this host was booted: its addresses are gone (sh FILE adds them)",
        ),
        (UNDO._replace(netns=2), "was written in another network namespace"),
    ],
)
def test_one_of_elsewhere(lowatch: CommandLine, script: Path, undo: Undo, why: str) -> None:
    written(script, undo)
    assert tuple(lowatch("clean", "--undo", script)) == (2, "", f"lowatch: {script}: {why}\n")
    assert lowatch.wiring.kernel.addresses == [LO, KEPT]


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_one_that_others_may_have_written(lowatch: CommandLine, script: Path, mode: int) -> None:
    script.chmod(mode)
    why = f"lowatch: {script}: others than root may have written it\n"
    assert tuple(lowatch("clean", "--undo", script)) == (2, "", why)


def test_one_of_another_owner(lowatch: CommandLine, script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status = os.fstat

    def other(descriptor: int) -> os.stat_result:
        found = list(status(descriptor))
        found[4] = 1000
        return os.stat_result(found)

    monkeypatch.setattr(os, "fstat", other)
    assert lowatch("clean", "--undo", script).stderr.endswith(": others than root may have written it\n")


def test_files_that_are_none(lowatch: CommandLine, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch(0o600)
    why = "is not an undo script of lowatch, or is damaged"
    assert tuple(lowatch("clean", "--undo", empty)) == (2, "", f"lowatch: {empty}: {why}\n")
    assert (
        lowatch("clean", "--undo", tmp_path).stderr
        == f"lowatch: {tmp_path}: a directory, not a regular file\n"
    )
    gone = tmp_path / "gone"
    assert lowatch("clean", "--undo", gone).stderr == f"lowatch: {gone}: No such file or directory\n"


def test_not_root(lowatch: CommandLine, script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert tuple(lowatch("clean", "--undo", script)) == (2, "", "lowatch: --undo needs root\n")
