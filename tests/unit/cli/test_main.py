from __future__ import annotations

import errno
import io
import re
from typing import NoReturn

import pytest

from lowatch import __version__
from lowatch.cli.demo import command as demo
from tests.unit.cli.conftest import CommandLine

COMMANDS = ("check", "run", "explain", "config", "status", "reload", "history", "demo")


class BrokenStream(io.StringIO):
    """A stream nobody can write to."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def write(self, text: str) -> NoReturn:
        raise self.error


def test_version(lowatch: CommandLine) -> None:
    assert lowatch("--version") == (0, f"lowatch {__version__}\n", "")


def test_help_names_the_commands(lowatch: CommandLine) -> None:
    code, stdout, stderr = lowatch("--help")
    assert (code, stderr) == (0, "")
    assert all(re.search(rf"^    {command} ", stdout, re.MULTILINE) for command in COMMANDS)


@pytest.mark.parametrize("command", [*COMMANDS, "config check", "config show"])
def test_every_command_has_help(lowatch: CommandLine, command: str) -> None:
    code, stdout, stderr = lowatch(*command.split(), "--help")
    assert (code, stderr) == (0, "")
    assert stdout.startswith(f"usage: lowatch {command} ")


def test_interrupted(lowatch: CommandLine) -> None:
    lowatch.wiring.raises = KeyboardInterrupt()
    assert lowatch("check") == (130, "", "")


def test_the_reader_has_seen_enough(lowatch: CommandLine) -> None:
    stdout = BrokenStream(BrokenPipeError(errno.EPIPE, "Broken pipe"))
    assert lowatch("check", stdout=stdout).code == 141


def test_the_report_cannot_be_written(lowatch: CommandLine) -> None:
    stdout = BrokenStream(OSError(errno.ENOSPC, "No space left on device"))
    stderr = io.StringIO()
    assert lowatch("check", stdout=stdout, stderr=stderr).code == 74
    assert stderr.getvalue() == "lowatch: cannot write to standard output: No space left on device\n"


def test_nobody_hears_the_error(lowatch: CommandLine) -> None:
    stderr = BrokenStream(OSError(errno.EIO, "Input/output error"))
    assert lowatch("check", "192.0.2.10", stderr=stderr).code == 2


def test_a_bug_shows_where_it_is(lowatch: CommandLine) -> None:
    lowatch.wiring.raises = ZeroDivisionError("division by zero")
    code, stdout, stderr = lowatch("check")
    assert (code, stdout) == (70, "")
    first, *_, last = stderr.splitlines()
    assert "a bug in lowatch" in first
    assert last == "ZeroDivisionError: division by zero"


def test_demo_is_called(lowatch: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def main(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "main", main)
    assert lowatch("demo").code == 130
