"""`make oldest` runs on Debian's own versions, or not at all."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from .oldest import DEBIANS, ROOT, Library

MODULE = "tests.packaging.oldest"


def test_another_interpreter_is_refused() -> None:
    run = subprocess.run(
        [sys.executable, "-m", MODULE], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert run.returncode == 1
    assert f"oldest: {sys.executable} is not Debian's interpreter" in run.stderr


def test_another_library_is_refused(tmp_path: Path) -> None:
    (tmp_path / "idna.py").touch()
    run = subprocess.run(
        ["/usr/bin/env", f"PYTHONPATH={tmp_path}", "/usr/bin/python3", "-m", MODULE],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert run.returncode == 1
    [said] = run.stderr.splitlines()
    assert said.endswith(f"in {tmp_path}/idna.py is not python3-idna's")


def test_debian_s_own_are_used_and_reported() -> None:
    run = subprocess.run(
        ["/usr/bin/python3", "-m", MODULE, "--version"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for requirement in project["dependencies"]:
        name = requirement.split(">=")[0]
        assert f"\n{name} " in run.stdout
    assert run.stdout.splitlines()[-1].startswith("pytest ")


@pytest.mark.parametrize(
    ("version", "debian"),
    [
        ("2.3.0", "2.3.0-1+deb12u1"),
        ("0.16.0", "0.16.0-0.1"),
        ("0.14.0", "0.14.0-1.1~deb12u1"),
        ("6.0", "6.0-3+b2"),
        ("1.2", "1:1.2+dfsg-1"),
        ("0.1.0", "0.1.0"),
    ],
)
def test_debian_s_versions_have_upstream_s_in_them(version: str, debian: str) -> None:
    assert Library("any", version, DEBIANS / "any.py", "python3-any", debian).is_debians
    assert not Library("any", version + ".1", DEBIANS / "any.py", "python3-any", debian).is_debians
    assert not Library("any", version, Path("/usr/local/any.py"), "python3-any", debian).is_debians
