from __future__ import annotations

import errno
import io
import os
import re
import sys
from typing import NoReturn

import pytest

from lowatch import __version__
from lowatch.cli.demo import command as demo
from lowatch.cli.environment import real_environment
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


@pytest.mark.parametrize(
    "argv",
    [
        ("chek",),
        ("explain", "a.example", "b.example"),
        ("check", "--fail-on", "fatal"),
        ("check", "--format"),
        ("check", "--form", "json"),
        ("check", "-x"),
        ("run", "www.example.com"),
        ("config", "explain"),
        ("--log-level", "loud", "check"),
    ],
)
def test_usage_is_told_in_one_line(lowatch: CommandLine, argv: tuple[str, ...]) -> None:
    code, stdout, stderr = lowatch(*argv)
    assert (code, stdout) == (2, "")
    assert re.fullmatch(r"lowatch: .+ \(see lowatch( \w+)* --help\)\n", stderr)


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("chek",), "'chek' is not a command: did you mean check? (see lowatch --help)"),
        (("config", "chekc"), "'chekc' is not a command: did you mean check? (see lowatch config --help)"),
        (("explain", "a.example", "b"), "unrecognized arguments: b (see lowatch explain --help)"),
        (
            ("check", "--fail-onn=info"),
            "unrecognized arguments: --fail-onn=info: did you mean --fail-on? (see lowatch check --help)",
        ),
    ],
)
def test_a_mistake_is_told_with_what_was_meant(
    lowatch: CommandLine, argv: tuple[str, ...], told: str
) -> None:
    assert lowatch(*argv) == (2, "", f"lowatch: {told}\n")


def test_nothing_like_it_is_listed(lowatch: CommandLine) -> None:
    _, _, stderr = lowatch("frobnicate")
    assert stderr.startswith("lowatch: 'frobnicate' is not a command (one of check, run, explain, ")


@pytest.mark.parametrize("argv", [(), ("config",), ("--log.level", "debug")])
def test_without_a_command_there_is_help(lowatch: CommandLine, argv: tuple[str, ...]) -> None:
    code, stdout, stderr = lowatch(*argv)
    assert (code, stdout) == (2, "")
    assert stderr == lowatch(*argv[:1] if argv == ("config",) else (), "--help").stdout


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
    assert "a bug of lowatch" in first
    assert last == "ZeroDivisionError: division by zero"


def test_demo_is_called(lowatch: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def main(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "main", main)
    assert lowatch("demo").code == 130


class TestRealEnvironment:
    def test_streams_that_are_closed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdout", None)
        monkeypatch.setattr("sys.stderr", None)
        environment = real_environment()
        environment.write("nobody reads this")
        environment.tell("nor this")
        assert not environment.stdout_is_terminal

    def test_it_is_the_journal_only_if_the_stream_is(
        self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.delenv("JOURNAL_STREAM", raising=False)
        assert not real_environment().under_systemd
        status = os.fstat(2)
        monkeypatch.setattr(sys, "stderr", os.fdopen(os.dup(2), "w"))
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        assert real_environment().under_systemd
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino + 1}")
        assert not real_environment().under_systemd
        sys.stderr.close()
