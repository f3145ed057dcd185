"""python -m tests.oracle [--worlds N] [--fixes N] [--seed S]: as many worlds, one after the other.

--worlds: where verdicts are compared with connects; --fixes: where each printed fix is run.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable

from tests.support.netns import isolate_session

from . import mending
from .trial import trial


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    parser.add_argument("--worlds", type=int, default=2000, help="of verdicts (default: %(default)s)")
    parser.add_argument("--fixes", type=int, default=500, help="of fixes (default: %(default)s)")
    parser.add_argument(
        "--seed", type=int, help="of the first; the next one's is one more (default: random)"
    )
    arguments = parser.parse_args()
    first = secrets.randbelow(10**9) if arguments.seed is None else arguments.seed
    isolate_session()
    disagreeing = _try_all("verdicts", trial, first, arguments.worlds)
    return 1 if _try_all("fixes", mending.trial, first, arguments.fixes) + disagreeing else 0


def _try_all(what: str, try_one: Callable[[int, Counter[str]], str], first: int, worlds: int) -> int:
    """How many have a story to tell."""
    print(f"{what}: {worlds} worlds from seed {first}")
    failing, told, started = 0, Counter[str](), time.monotonic()
    for number in range(worlds):
        story = try_one(first + number, told)
        if story:
            failing += 1
            print(f"\r{story}\n", flush=True)
        if sys.stderr.isatty():
            print(f"\r{number + 1} worlds, {failing} fail", end="", file=sys.stderr)
    said = "".join(f"{count:7} {what}\n" for what, count in told.most_common())
    print(f"\r{said}{failing} of {worlds} worlds fail, {time.monotonic() - started:.0f} s")
    return failing


if __name__ == "__main__":
    sys.exit(main())
