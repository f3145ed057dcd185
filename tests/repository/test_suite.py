"""The suite in several processes: each test once, what is shown, and the exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.suite import exit_code, last_line
from tests.support.repository import ROOT
from tests.support.sharing import LONG, part_of, taken

MODULE = """
import os
import pytest

@pytest.mark.parametrize("number", range(3))
def test_it(number):
    with open("ran", "a") as file:
        file.write(f"{os.getpid()} {__name__} {number}\\n")
"""


def run_suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> tuple[int, list[str]]:
    """The exit code, and what is shown."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    command = [sys.executable, "-m", "tests.suite"]
    done = subprocess.run(
        command, cwd=pytester.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.returncode, done.stdout.splitlines()


def test_each_test_runs_once_and_what_fails_in_any_process_is_shown(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = "def test_wrong():\n    assert False\n"
    pytester.makepyfile(**{f"test_{number}": MODULE for number in range(20)})
    pytester.makepyfile(**{f"test_wrong_{number}": wrong for number in range(4)})
    code, shown = run_suite(pytester, monkeypatch)
    assert code == 1
    assert " 4 failed, 60 passed in " in shown[-1]
    names = [f"test_wrong_{number}.py::test_wrong" for number in range(4)]
    assert shown[-5:-1] == [f"failed: {name}" for name in names]
    assert {line.split(" - ")[0] for line in shown if line.startswith("FAILED ")} == {
        f"FAILED {name}" for name in names
    }
    ran = [line.split() for line in Path("ran").read_text().splitlines()]
    assert sorted((name, number) for _, name, number in ran) == sorted(
        (f"test_{module}", str(number)) for module in range(20) for number in range(3)
    )
    assert len({(process, name) for process, name, _ in ran}) == 20, "a module is one process's"


def test_what_cannot_be_imported_is_an_error(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(test_broken="import nothing_of_that_name", test_right=MODULE)
    code, shown = run_suite(pytester, monkeypatch)
    assert code == 2
    assert any(line.startswith("ERROR test_broken.py") for line in shown)
    assert not Path("ran").exists()


def test_a_process_that_is_killed_is_no_success(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(
        test_kills="import os\ndef test_it():\n    os.kill(os.getpid(), 9)\n", test_right=MODULE
    )
    code, shown = run_suite(pytester, monkeypatch)
    assert code == 128 + 9
    assert "a process ended without a word" in shown


def test_the_exit_code_is_of_the_first_that_failed() -> None:
    assert exit_code([0, 0]) == 0
    assert exit_code([0, 1]) == 1
    assert exit_code([-15, 1]) == 128 + 15


def test_the_last_line_is_as_pytests() -> None:
    counts = [{"passed": 3, "error": 1}, {"passed": 4, "failed": 1, "error": 1}]
    said = last_line(counts, 61.25).strip("=")
    assert said == " 1 failed, 7 passed, 2 errors in 61.25s (0:01:01) "
    assert " no tests ran in 0.00s " in last_line([], 0.0)


def test_a_part_is_taken_once(tmp_path: Path) -> None:
    assert [taken(tmp_path, "tests/unit/test_a.py") for _ in range(2)] == [True, False]
    assert part_of("tests/unit/test_a.py::test_b[x::y]") == "tests/unit/test_a.py"
    assert part_of("tests/service/test_a.py::test_b") == "tests/service"
    assert all((ROOT / part).exists() for part in LONG)
