"""`python -m bench [--quick] [--record] [NAME...]`: measure, and compare with targets and last figures."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from tests.support.netns import isolate_session

from . import figures, report
from .report import Row

NAMES = (
    "audit",
    "kinds",
    "noticing",
    "idle",
    "start",
    "dns",
    "scrapes",
    "hostile",
    "victims",
    "lookups",
    "zones",
)
"""Modules of this package with `run(*, quick: bool) -> list[Row]`. Each has a row in docs/bench.md."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; default: all")
    parser.add_argument("--quick", action="store_true", help="less of everything, to see that it works")
    parser.add_argument("--record", action="store_true", help="write the figures into docs/bench.md")
    arguments = parser.parse_args()
    wrong = [name for name in arguments.names if name not in NAMES]
    if wrong:
        parser.error(f"there is no {', '.join(wrong)}")
    if arguments.quick and arguments.record:
        parser.error("--quick takes too few samples to be recorded")
    signal.signal(signal.SIGTERM, _terminated)
    os.environ["PATH"] += ":/usr/sbin:/sbin"  # an ordinary user's lacks ip, ss and knotd
    commit = figures.commit() if arguments.record else ""  # git refuses another user's checkout
    try:
        isolate_session()
    except OSError as error:
        print(f"{error}: needs root or unprivileged user namespaces", file=sys.stderr)
        return 1
    before = report.load()
    rows, failed = measure(arguments.names or NAMES, quick=arguments.quick)
    page = figures.PAGE.read_text()
    last = figures.last(page)
    changes = ["" if arguments.quick else figures.change(row, last) for row in rows]
    print(
        f"\n{report.table(rows, changes)}\n\n"
        f"{report.machine()}; load {before} before, {report.load()} after"
    )
    if arguments.quick:
        print("--quick: too few samples for a verdict")
    elif figures.machine(page) not in ("", report.machine()):
        print(f"the last figures are those of {figures.machine(page)}: only ratios compare")
    if arguments.record:
        figures.PAGE.write_text(figures.recorded(page, rows, commit, report.machine()))
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def measure(names: Sequence[str], *, quick: bool) -> tuple[list[Row], list[str]]:
    """The rows of all benchmarks, and the names of those that failed. The others still have figures."""
    rows: list[Row] = []
    failed = []
    for name in names:
        try:
            rows += importlib.import_module(f"bench.{name}").run(quick=quick)
        except Exception as error:
            report.line(f"{name} failed", _in_a_line(error))
            failed.append(name)
    return rows, failed


def _in_a_line(error: Exception) -> str:
    """The error, and its place in the benchmarks."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/bench/" in frame.filename]
    place = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}: " if frames else ""
    return f"{place}{type(error).__name__}: {' | '.join(str(error).splitlines())}"


def _terminated(_number: int, _frame: FrameType | None) -> NoReturn:
    """Exits through the context managers, which end what they started."""
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
