"""Load balancers in the kernel, and interfaces that not every kernel has.

These tests need ip_vs, dummy, vrf and ipip, which Debian's kernels have as modules; and a real root, who
may load them. Elsewhere they are not collected, and the summary says so. In a guest of tests/kernels they
are.
"""

from __future__ import annotations

import os

import pytest

from tests.lvs.modules import missing
from tests.lvs.segment import Segment
from tests.support.netns import Netns

MISSING = missing()
collect_ignore_glob = ["test_*.py"] if MISSING or os.geteuid() else []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if collect_ignore_glob:
        why = f"this kernel lacks {', '.join(MISSING)}" if MISSING else "an ordinary user may not use IPVS"
        terminalreporter.write_line(f"tests/lvs: {why}; make kernels runs them in Debian's kernels")


@pytest.fixture
def segment(netns: Netns) -> Segment:
    """An Ethernet segment with no host on it yet."""
    return Segment(netns)
