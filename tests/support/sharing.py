"""Has several processes share out the suite: each takes the next part that nobody has taken.

A part is a module, whose tests stay together and in order. tests/suite.py starts the processes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

LONG = (
    "tests/service",
    "tests/property/test_oracle.py",
    "tests/simulation/test_simulation.py",
    "tests/packaging",
)
"""These are taken first: the end of one must not be waited for."""
_TOGETHER = ("tests/service", "tests/packaging")
"""Parts of several modules: their fixtures boot a machine, and build the packages, once in a session."""

COUNTED = ("failed", "passed", "skipped", "deselected", "xfailed", "xpassed", "warnings", "error")
"""As pytest's last line has them."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--share", type=Path, metavar="DIR", help="an empty directory, the same for all processes"
    )


def part_of(nodeid: str) -> str:
    module = nodeid.partition("::")[0]
    return next((each for each in _TOGETHER if module.startswith(f"{each}/")), module)


def taken(directory: Path, part: str) -> bool:
    """Whether it is ours from now on; False if another process has it, or if we had it before."""
    try:
        (directory / part.replace("/", ":")).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """As pytest's own loop, with the parts that are ours."""
    if session.testsfailed or session.config.option.collectonly:
        return None  # pytest's own tells of what could not be imported
    mine = _ours(session, session.config.getoption("share"))
    item = next(mine, None)
    while item is not None:
        following = next(mine, None)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        item = following
    return True


def _ours(session: pytest.Session, directory: Path) -> Iterator[pytest.Item]:
    parts: dict[str, list[pytest.Item]] = {}
    for item in session.items:
        parts.setdefault(part_of(item.nodeid), []).append(item)
    for part in sorted(parts, key=lambda each: LONG.index(each) if each in LONG else len(LONG)):
        if taken(directory, part):
            yield from parts[part]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What is said at the end about all processes: tests/suite.py reads it."""
    stats = terminalreporter.stats
    counts = {what: len(stats.get(what, ())) for what in COUNTED}
    wrong = [report.nodeid for what in ("failed", "error") for report in stats.get(what, ())]
    file: Path = config.getoption("share") / f"{os.getpid()}.summary"
    file.write_text(json.dumps([counts, wrong]))
