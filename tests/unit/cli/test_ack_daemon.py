"""What `lowatch ack` says of the daemon, once the file is written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lowatch.report.status import ReloadOutcome
from tests.unit.cli.conftest import CommandLine, Result, meanwhile
from tests.unit.service.control_clients import Controlled
from tests.unit.service.given_pages import GivenAudits, GivenReload

WHY = ("--until", "2099-01-31", "--reason", "kept until the move")


@pytest.fixture
def main(config_file: Callable[[str], Path]) -> Path:
    return config_file("")


@pytest.fixture
def ack(lowatch: CommandLine, controlled: Controlled, main: Path) -> Callable[..., Result]:
    """`lowatch ack` while a daemon runs that reads the configuration."""

    def run(*arguments: str) -> Result:
        own = main.parent / "lowatch.d" / "acknowledged.toml"
        controlled.shown = replace(controlled.shown, config_files=(str(main), str(own)))
        return meanwhile(controlled.served(), lambda: lowatch("ack", *arguments, "-c", main))

    return run


def test_it_says_how_many_findings_are_acknowledged(ack: Callable[..., Result]) -> None:
    code, stdout, stderr = ack("orphan-vip", "192.0.2.10", *WHY)
    assert (code, stdout.splitlines()[1:], stderr) == (0, ["1 finding matches it now"], "")
    code, stdout, stderr = ack("orphan-vip", "::/0", *WHY)
    assert (code, stdout.splitlines()[1:], stderr) == (0, ["1 finding matches it now"], "")


def test_it_says_where_there_is_none(ack: Callable[..., Result]) -> None:
    code, stdout, stderr = ack("orphan-vip", "192.0.2.10", "typo.example.com", *WHY)
    assert (code, len(stdout.splitlines()), stderr) == (0, 1, "lowatch: no finding matches it now\n")


def test_a_daemon_that_has_not_audited_yet(controlled: Controlled, ack: Callable[..., Result]) -> None:
    controlled.pages = replace(controlled.pages, audits=GivenAudits(None, ready=False))
    code, stdout, stderr = ack("orphan-vip", "192.0.2.10", *WHY)
    assert (code, len(stdout.splitlines()), stderr) == (0, 1, "")


def test_a_daemon_that_reads_another_configuration(
    lowatch: CommandLine, controlled: Controlled, main: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.toml"
    other.touch()
    controlled.shown = replace(controlled.shown, config_files=(str(other),))
    command = ("ack", "orphan-vip", "192.0.2.10", *WHY, "-c", main)
    code, _, stderr = meanwhile(controlled.served(), lambda: lowatch(*command))
    own = main.parent / "lowatch.d" / "acknowledged.toml"
    assert (code, stderr) == (0, f"lowatch: the running daemon does not read {own}: it reads {other}\n")


def test_remove_reloads_it(lowatch: CommandLine, controlled: Controlled, main: Path) -> None:
    reloads = []

    async def reload() -> ReloadOutcome:
        reloads.append("reload")
        return ReloadOutcome(pending=("web.listen needs a restart",))

    lowatch("ack", "orphan-vip", "192.0.2.10", *WHY, "-c", main)
    controlled.pages = replace(controlled.pages, reload=GivenReload(reload))
    command = ("ack", "--remove", "orphan-vip", "192.0.2.10", "-c", main)
    code, stdout, stderr = meanwhile(controlled.served(), lambda: lowatch(*command))
    assert (code, stdout) == (0, "removed: orphan-vip, address 192.0.2.10\n")
    assert (reloads, stderr) == (["reload"], "lowatch: web.listen needs a restart\n")


def test_a_daemon_that_refuses(controlled: Controlled, ack: Callable[..., Result], main: Path) -> None:
    """The file is valid, so it stays: the next reload takes it."""

    async def refuse() -> ReloadOutcome:
        return ReloadOutcome("names.txt: cannot be read: No such file or directory")

    controlled.pages = replace(controlled.pages, reload=GivenReload(refuse))
    code, _, stderr = ack("orphan-vip", "192.0.2.10", *WHY)
    own = main.parent / "lowatch.d" / "acknowledged.toml"
    assert code == 1
    assert stderr.splitlines() == [
        f"lowatch: {own} is written, but the daemon has not reloaded it:",
        "names.txt: cannot be read: No such file or directory",
    ]
    assert own.exists()


def test_a_daemon_that_hangs(controlled: Controlled, ack: Callable[..., Result]) -> None:
    async def hang() -> ReloadOutcome:
        return await asyncio.get_running_loop().create_future()

    controlled.pages = replace(controlled.pages, reload=GivenReload(hang))
    code, _, stderr = ack("orphan-vip", "192.0.2.10", *WHY, "--timeout", "0.1")
    assert code == 3
    assert stderr.splitlines()[1].endswith("no answer within 0.1 s: the daemon is stuck or very busy")


def test_a_daemon_that_was_killed(lowatch: CommandLine, controlled: Controlled, main: Path) -> None:
    async def killed() -> None:
        async with controlled.served():
            pass

    asyncio.run(killed())
    command = ("ack", "orphan-vip", "192.0.2.10", *WHY, "-c", main)
    code, _, stderr = lowatch(*command)
    assert code == 0
    assert stderr.startswith("lowatch: the daemon is not running: ")
