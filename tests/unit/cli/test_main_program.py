"""The program itself, as a process: what only a process can show."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from lowatch import __version__
from lowatch.cli.commands import COMMANDS

PROGRAM = (sys.executable, "-m", "lowatch")


def run(
    *argv: str, env: Mapping[str, str] | None = None, stdout: int = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *argv],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, "PYTHONUNBUFFERED": "", **(env or {})},  # as it is for users
    )


def test_version() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"lowatch {__version__}\n", "")


def test_config_check(tmp_path: Path) -> None:
    path = tmp_path / "lowatch.toml"
    path.write_text('domains = ["bücher.example"]', encoding="utf-8")
    done = run("config", "check", "-c", str(path))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{path}: valid\n", "")


def test_config_check_fails(tmp_path: Path) -> None:
    path = tmp_path / "lowatch.toml"
    path.write_text("hold = 30")
    done = run("config", "check", "-c", str(path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"{path}:1: hold: ")


def test_a_locale_without_the_letters(tmp_path: Path) -> None:
    """What it cannot encode it escapes."""
    path = tmp_path / "lowatch.toml"
    path.write_text('[[domains_from]]\npath = "/etc/wéb.*"', encoding="utf-8")
    done = run("config", "show", "-c", str(path), env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert r'path = "/etc/w\xe9b.*"' in done.stdout


def test_a_pipe_that_nobody_reads() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = run("config", "show", stdout=writer)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_full_disk() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        done = run("config", "show", stdout=full)
    finally:
        os.close(full)
    assert done.returncode == 74
    assert done.stderr == "lowatch: cannot write to standard output: No space left on device\n"


def test_streams_that_are_closed() -> None:
    command = 'exec "$@" >&- 2>&-'
    done = subprocess.run(["sh", "-c", command, "sh", *PROGRAM, "config", "show"], timeout=30, check=False)
    assert done.returncode == 0


def imported_by(*argv: str) -> set[str]:
    """The modules that this command line imports, those of an interpreter's own start apart."""
    code = (
        "import sys; before = set(sys.modules); from lowatch.__main__ import main; main();"
        " print(*(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *argv], capture_output=True, text=True, timeout=30, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_version_and_help_import_nothing_of_a_command(option: str) -> None:
    """Nothing beside lowatch.cli, and nothing of the standard library that the interpreter has not got."""
    ours = {"lowatch", "lowatch.__main__", "lowatch.cli"} | {
        f"lowatch.cli.{name}" for name in ("main", "commands", "environment", "exit_codes")
    }
    assert imported_by(option) - ours <= {"__future__", "gc"}


def test_a_command_is_imported_when_it_is_chosen() -> None:
    commands = {f"lowatch.cli.{module}" for module, _ in COMMANDS.values()}
    assert imported_by("status", "--help") & commands == {"lowatch.cli.status"}
    assert imported_by("--log.level", "debug", "reload", "--help") & commands == {"lowatch.cli.reload"}


def test_the_configuration_is_checked_without_loading_the_engine() -> None:
    heavy = {"asyncio", "dns", "idna", "pyroute2", "prometheus_client", "lowatch.wiring"}
    assert not imported_by("config", "check") & heavy


def test_an_audit_is_made_without_loading_the_daemon() -> None:
    others = ("lowatch.service", "lowatch.app.daemon", "lowatch.app.explain", "lowatch.core.explanation")
    heavy = (*others, "prometheus_client", "h11", "dns", "yaml", "idna", "ctypes", "shutil")
    assert not [name for name in imported_by("check", "-c", "/dev/null") if name.startswith(heavy)]
