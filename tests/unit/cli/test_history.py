"""The options of `lowatch history`."""

from __future__ import annotations

import pytest

from tests.unit.cli.conftest import CommandLine


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["-n", "0"], "lowatch: argument -n/--lines: '0' is not a number of 1 or more"),
        (["--kind", "orphan"], "lowatch: argument --kind: invalid choice"),
        (["--format", "prometheus"], "lowatch: argument --format: invalid choice"),
    ],
)
def test_usage(lowatch: CommandLine, argv: list[str], words: str) -> None:
    code, stdout, stderr = lowatch("history", *argv)
    assert (code, stdout) == (2, "")
    assert stderr.startswith(words)
