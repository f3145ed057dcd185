"""lowatch ack --list: a line for each acknowledgement, in every file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.conftest import CommandLine, meanwhile
from tests.unit.service.control_clients import Controlled

CONFIGURED = """
[[acknowledge]]
kind = "idle-vip"
address = "192.0.2.0/24"
until = 2099-01-31T00:00:00Z
reason = "spare"

[[acknowledge]]
domain = "*.example.com"
until = 2020-01-31T00:00:00Z
reason = "the move"

[[acknowledge]]
interface = "dummy*"
until = 2099-01-31T00:00:00Z
reason = "te\\u00dfts"

[[acknowledge]]
kind = "orphan-vip"
port = "443"
until = 2099-01-31T00:00:00Z
reason = "rebuilt"
"""


@pytest.fixture
def main(config_file: Callable[[str], Path]) -> Path:
    return config_file(CONFIGURED)


def test_with_a_daemon(lowatch: CommandLine, controlled: Controlled, main: Path) -> None:
    code, stdout, stderr = meanwhile(controlled.served(), lambda: lowatch("ack", "--list", "-c", main))
    assert (code, stderr) == (0, "")
    assert stdout.splitlines() == [
        f"1 finding: idle-vip, address 192.0.2.0/24, until 2099-01-31T00:00:00Z: spare ({main}:2)",
        f"expired: domain *.example.com, until 2020-01-31T00:00:00Z: the move ({main}:8)",
        f"unused: interface dummy*, until 2099-01-31T00:00:00Z: te\\xdfts ({main}:13)",
        f"2 findings: orphan-vip, port 443/tcp, until 2099-01-31T00:00:00Z: rebuilt ({main}:18)",
    ]


def test_without_a_daemon(lowatch: CommandLine, main: Path) -> None:
    """What they match is not known then."""
    lowatch.variables["RUNTIME_DIRECTORY"] = str(main.parent)
    code, stdout, stderr = lowatch("ack", "--list", "-c", main)
    assert (code, stderr) == (0, "lowatch: no daemon says what they match\n")
    assert [line.split(":")[0] for line in stdout.splitlines()] == [
        "in force",
        "expired",
        "in force",
        "in force",
    ]


def test_none(lowatch: CommandLine, config_file: Callable[[str], Path]) -> None:
    assert lowatch("ack", "--list", "-c", config_file("")) == (0, "no acknowledgement is configured\n", "")


def test_a_configuration_that_is_wrong(lowatch: CommandLine, config_file: Callable[[str], Path]) -> None:
    assert lowatch("ack", "--list", "-c", config_file("hold = 30")).code == 2
