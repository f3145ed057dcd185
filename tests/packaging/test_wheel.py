"""The wheel: what is in it, and that it works where it is installed, with no systemd-python."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from email.message import Message
from email.parser import Parser
from importlib import metadata
from pathlib import Path

import pytest

import lowatch
from tests.support.netns import Netns
from tests.support.repository import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NOT_SOURCE = (".*", "*.egg-info", "__pycache__", "build", "dist")
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-cache-dir")
OFFLINE = ("--no-index", "--no-deps")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: setuptools leaves its things where it builds."""
    directory = tmp_path_factory.mktemp("wheel")
    tree = directory / "tree"
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(*NOT_SOURCE))
    build: list[str | Path] = [
        *PIP,
        "wheel",
        *OFFLINE,
        "--no-build-isolation",
        "--wheel-dir",
        directory,
        tree,
    ]
    subprocess.run(build, check=True)
    [built] = directory.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin directory of a fresh virtual environment with lowatch in it, and no systemd-python.

    What lowatch depends on is where it is for the tests, too: nothing is downloaded.
    """
    directory = tmp_path_factory.mktemp("venv")
    venv.create(directory, with_pip=False, symlinks=True)
    python = directory / "bin/python"
    subprocess.run([*PIP, "--python", python, "install", *OFFLINE, wheel], check=True)
    [packages] = directory.glob("lib/python*/site-packages")
    (packages / "systemd.py").write_text("raise ImportError('there is no systemd-python here')\n")
    required = (requirement.split(">=")[0] for requirement in PROJECT["dependencies"])
    places = {str(metadata.distribution(name).locate_file("")) for name in required}
    (packages / "dependencies.pth").write_text("\n".join(sorted(places)))
    return directory / "bin"


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def info(wheel: Path, name: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(f"lowatch-{lowatch.__version__}.dist-info/{name}").decode()


def described(wheel: Path) -> Message:
    return Parser().parsestr(info(wheel, "METADATA"))


def test_it_is_pure_python(wheel: Path) -> None:
    assert wheel.name == f"lowatch-{lowatch.__version__}-py3-none-any.whl"


def test_every_module_of_ours_and_nothing_else(wheel: Path) -> None:
    ours = {str(file.relative_to(ROOT)) for file in (ROOT / "lowatch").rglob("*.py")}
    data = {"lowatch/py.typed", "lowatch/config/reference.toml"}
    assert {name for name in names(wheel) if ".dist-info/" not in name} == ours | data


def test_what_it_requires(wheel: Path) -> None:
    description = described(wheel)
    assert description["Requires-Python"] == PROJECT["requires-python"]
    required = [line.replace(" ", "") for line in description.get_all("Requires-Dist", [])]
    assert {line for line in required if ";" not in line} == set(PROJECT["dependencies"])
    assert "systemd" in description.get_all("Provides-Extra", [])
    assert [line for line in required if re.search(r"extra==.systemd.", line)] != []


def test_its_command(wheel: Path) -> None:
    assert info(wheel, "entry_points.txt") == "[console_scripts]\nlowatch = lowatch.__main__:main\n"


def run(*command: Path | str) -> subprocess.CompletedProcess[str]:
    """From outside the tree, where `import lowatch` finds only what is installed."""
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


def test_it_is_what_runs(installed: Path) -> None:
    located = run(installed / "python", "-c", "import lowatch; print(lowatch.__file__)").stdout
    assert Path(located).is_relative_to(installed.parent)
    assert run(installed / "lowatch", "--version").stdout == f"lowatch {lowatch.__version__}\n"


def test_it_audits(installed: Path, netns: Netns, tmp_path: Path) -> None:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    file = tmp_path / "lowatch.toml"
    file.write_text('expect = ["192.0.2.10"]\n')
    checked = run(installed / "lowatch", "check", "-c", file, "--format", "json")
    assert (checked.returncode, checked.stderr) == (0, "")
    audit = json.loads(checked.stdout)
    assert audit["complete"]
    assert "192.0.2.10" in {held["address"] for held in audit["held"]}


def test_without_systemd_python_the_history_says_what_to_install(installed: Path) -> None:
    ran = run(installed / "lowatch", "history")
    assert (ran.returncode, ran.stdout) == (3, "")
    assert ran.stderr.startswith(
        "lowatch: reading the journal needs systemd-python: install Debian's python3-systemd"
    )
    assert ran.stderr.count("\n") == 1
