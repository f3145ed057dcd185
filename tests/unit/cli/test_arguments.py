"""What is wrong with a command line, in one line."""

from __future__ import annotations

import re

import pytest

from tests.unit.cli.conftest import CommandLine


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
def test_usage_is_reported_in_one_line(lowatch: CommandLine, argv: tuple[str, ...]) -> None:
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
def test_a_mistake_is_reported_with_what_was_meant(
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
