"""What asks tracefs, which needs a real root and a kernel with CONFIG_FTRACE.

Elsewhere these tests are not collected, and the summary says so. An instance shows the sockets of the whole
kernel, those of other tests included: a test looks for its own ports.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.tracefs import instance, missing

MISSING = missing()
collect_ignore_glob = ["test_*.py"] if MISSING else []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if MISSING:
        terminalreporter.write_line(f"tests/tracing: {MISSING}")


@pytest.fixture
def trace(tmp_path: Path) -> Iterator[Path]:
    """The instance's directory."""
    at = tmp_path / "tracefs"
    at.mkdir()
    with instance(at) as made:
        yield made
