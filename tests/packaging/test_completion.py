"""bash, fish and zsh complete every command, option and choice of the program, and nothing else."""

from __future__ import annotations

import os
import select
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.support.repository import ROOT

from .commands import commands

HERE = Path(__file__).parent
SHIPPED = ROOT / "packaging/completion"

_BASH = """
source "$1"
shift
for line; do
    read -ra COMP_WORDS <<<"$line"
    if [[ $line == *' ' ]]; then COMP_WORDS+=(''); fi
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
    _lowatch
    for word in "${COMPREPLY[@]}"; do echo "match $word"; done
    echo end
done
"""
_FISH = """
source $argv[1]
for line in $argv[2..]
    complete --do-complete $line | string replace --regex '\\t.*' '' | string replace --regex '^' 'match '
    echo end
end
"""


def bash(lines: list[str]) -> str:
    return output("bash", "--norc", "-c", _BASH, "bash", str(SHIPPED / "bash/lowatch"), *lines)


def fish(lines: list[str]) -> str:
    return output("fish", "--no-config", "-c", _FISH, str(SHIPPED / "fish/lowatch.fish"), *lines)


def zsh(lines: list[str]) -> str:
    """On a terminal: nothing else makes it complete."""
    ours, its = os.openpty()
    command = ["zsh", "-f", "-i"]
    environment = {**os.environ, "directory": str(SHIPPED / "zsh"), "TERM": "dumb"}
    with (
        os.fdopen(ours, "r+b", buffering=0) as terminal,
        subprocess.Popen(
            command, stdin=its, stdout=its, stderr=its, env=environment, start_new_session=True
        ) as process,
    ):
        os.close(its)
        try:
            terminal.write(b"source %s\n" % bytes(HERE / "complete.zsh"))
            read_until(terminal, b"\nready\n")
            return "".join(zsh_answer(terminal, line) for line in lines)
        finally:
            process.kill()


def zsh_answer(terminal: BinaryIO, line: str) -> str:
    terminal.write(b"\x15%s\t" % line.encode())  # ^U: instead of the line before
    return read_until(terminal, b"\nend\n").decode()


def read_until(terminal: BinaryIO, last: bytes) -> bytes:
    """To the end of `last`; what follows is only how the shell redraws its line."""
    seen = b""
    while last not in seen:
        assert select.select([terminal], [], [], 10)[0], seen
        seen += terminal.read(4096).replace(b"\r", b"")
    return seen[: seen.index(last) + len(last)]


def output(*command: str) -> str:
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (run.returncode, run.stderr) == (0, ""), run
    return run.stdout


Shell = Callable[[list[str]], str]


@pytest.fixture(params=[bash, fish, zsh], ids=["bash", "fish", "zsh"])
def shell(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """With a home of its own: none of these shells finds, or leaves, anybody's files."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "ZDOTDIR"):
        monkeypatch.delenv(name, raising=False)
    chosen: Shell = request.param
    return chosen


def completed(shell: Shell, lines: list[str]) -> dict[str, set[str]]:
    """What the shell offers at the end of each line."""
    answers = f"\n{shell(lines)}".split("\nend\n")[:-1]
    return {
        line: {word.removeprefix("match ") for word in answer.splitlines() if word.startswith("match ")}
        for line, answer in zip(lines, answers, strict=True)
    }


def choices() -> Iterator[tuple[str, set[str]]]:
    """Lines that end where one of a few values is expected, and those values."""
    for command in commands():
        line = " ".join(["lowatch", *command.words])
        if command.subcommands:
            yield f"{line} ", set(command.subcommands)
        for option in command.options:
            for name in option.names:
                if option.choices:
                    yield f"{line} {name} ", set(option.choices)


def test_commands_and_values(shell: Shell) -> None:
    expected = dict(choices())
    assert "lowatch check --fail-on " in expected
    assert completed(shell, list(expected)) == expected


def test_options(shell: Shell) -> None:
    expected = {" ".join(["lowatch", *c.words, "--"]): c.long_options for c in commands()}
    assert expected["lowatch status --"] >= {"--socket", "--format"}
    assert completed(shell, list(expected)) == expected


def test_options_after_one_that_has_a_value(shell: Shell) -> None:
    [check] = (command for command in commands() if command.words == ("check",))
    line = "lowatch --log.level info check --"
    assert completed(shell, [line]) == {line: check.long_options}


@pytest.mark.parametrize("option", ["-c", "--config"])
def test_files(shell: Shell, option: str, tmp_path: Path) -> None:
    (tmp_path / "one.toml").touch()
    line = f"lowatch check {option} {shlex.quote(str(tmp_path))}/o"
    [found] = completed(shell, [line])[line]
    assert Path(found).name == "one.toml"
