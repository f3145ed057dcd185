"""The options of `lowatch history`."""

from __future__ import annotations

import pytest

from tests.unit.cli.conftest import CommandLine


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["-n", "0"], "lowatch: argument -n/--lines: '0' is not a number of 1 or more"),
        (["--kind", "orphan"], "lowatch: argument --kind: invalid choice"),
        (["--since", "half past never"], "lowatch: --since: 'half past never' is not a time"),
        (["--until=-1x", "--format=json"], "lowatch: --until: '-1x' is not a time"),
        (["--since=-1h", "--until=-2h"], "lowatch: --since is later than --until\n"),
        (["--since=2026-11-25T25:00:00Z"], "lowatch: --since: '2026-11-25T25:00:00Z' is not a time"),
        (["--follow", "--until=now"], "lowatch: --until cannot be used with --follow\n"),
        (
            ["-D", "/a", "--file", "/b"],
            "lowatch: argument --file: not allowed with argument --directory/-D",
        ),
        (["--format", "prometheus"], "lowatch: argument --format: invalid choice"),
    ],
)
def test_usage(lowatch: CommandLine, argv: list[str], words: str) -> None:
    code, stdout, stderr = lowatch("history", *argv)
    assert (code, stdout) == (2, "")
    assert stderr.startswith(words)
