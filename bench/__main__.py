"""`python -m bench [--quick] [NAME...]`: measure, and compare with the targets."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from tests.support.netns import isolate_session

from . import report
from .report import Row

NAMES = ("audit", "noticing", "idle", "start", "dns")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; default: all")
    parser.add_argument("--quick", action="store_true", help="less of everything, to see that it works")
    arguments = parser.parse_args()
    wrong = [name for name in arguments.names if name not in NAMES]
    if wrong:
        parser.error(f"there is no {', '.join(wrong)}")
    signal.signal(signal.SIGTERM, _terminated)
    os.environ["PATH"] += ":/usr/sbin:/sbin"  # an ordinary user's lacks ip, ss and knotd
    try:
        isolate_session()
    except OSError as error:
        print(f"{error}: needs root or unprivileged user namespaces", file=sys.stderr)
        return 1
    before = report.load()
    rows: list[Row] = []
    for name in arguments.names or NAMES:
        rows += importlib.import_module(f"bench.{name}").run(quick=arguments.quick)
    print(f"\n{report.table(rows)}\n\n{report.machine()}; load {before} before, {report.load()} after")
    if arguments.quick:
        print("--quick: too few samples for a verdict")
    return 0


def _terminated(_number: int, _frame: FrameType | None) -> NoReturn:
    """Unwind: what was started is ended on the way."""
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
