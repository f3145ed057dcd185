"""scripts/setup says what it does, a line a step, and nothing that only concerns pip."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.repository import ROOT

PIP = """#!/bin/bash
if [ "$1 $2" != "-m pip" ]; then exec /usr/bin/python3 "$@"; fi
echo "WARNING: Location 'file:///opt/wheels' is ignored" >&2
echo "Obtaining file:///work/lowatch"
echo "Requirement already satisfied: h11>=0.14.0"
echo "Collecting dnspython>=2.3.0"
echo "  Downloading dnspython-2.7.0-py3-none-any.whl (313 kB)"
exit {code}
"""


def setup(tree: Path, code: int) -> subprocess.CompletedProcess[str]:
    """As after a .venv was made, whose pip says all that and ends so."""
    shutil.copytree(ROOT / "scripts", tree / "scripts")
    (tree / "lowatch").mkdir()
    python = tree / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(PIP.format(code=code))
    python.chmod(0o755)
    command = [tree / "scripts/setup", "runtime"]
    environ = {**os.environ, "PYTHON": "/usr/bin/python3"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environ)


def test_a_line_for_each_package_and_no_word_of_pip(tmp_path: Path) -> None:
    done = setup(tmp_path, 0)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "setup: installing lowatch and its dependencies into .venv",
        "setup:   dnspython",
    ]


@pytest.mark.parametrize("code", [1, 2])
def test_where_pip_fails_all_that_it_said_is_shown(tmp_path: Path, code: int) -> None:
    done = setup(tmp_path, code)
    assert done.returncode == 1
    assert "WARNING: Location" in done.stderr
    assert done.stderr.endswith("setup: pip could not install them\n")
