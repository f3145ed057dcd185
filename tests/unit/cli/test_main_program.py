"""The program itself, as a process: what only a process can show."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from lowatch import __version__

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


def test_the_configuration_is_told_without_loading_the_engine() -> None:
    code = (
        "import sys; from lowatch.__main__ import main; sys.argv[1:] = ['config', 'check'];"
        " main(); print(*sorted(set(sys.modules) & {'asyncio', 'dns', 'idna', 'pyroute2',"
        " 'prometheus_client', 'lowatch.wiring'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.splitlines()[-1] == ""


def test_an_audit_is_made_without_loading_the_daemon() -> None:
    code = (
        "import sys; from lowatch.__main__ import main; sys.argv[1:] = ['check', '-c', '/dev/null'];"
        " main(); print(*sorted(name for name in sys.modules if 'prometheus_client' in name"
        " or name.startswith(('lowatch.service', 'lowatch.app.daemon'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.splitlines()[-1] == ""
