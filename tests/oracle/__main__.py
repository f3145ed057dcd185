"""python -m tests.oracle [--worlds N] [--fixes N] [--verify N] [--cleanings N] [--seed S]

--worlds: compares the verdicts of N worlds with connects. --fixes: runs each printed fix of N worlds.
--verify: verifies N worlds as `lowatch check --verify` does, which must find nothing.
--cleanings: cleans N worlds of all that may be cleaned, and undoes it.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable

from tests.support.netns import isolate_session

from . import clean_trial, fix_trial, verify_trial
from .trial import trial


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    parser.add_argument("--worlds", type=int, default=2000, help="of verdicts (default: %(default)s)")
    parser.add_argument("--fixes", type=int, default=500, help="of fixes (default: %(default)s)")
    parser.add_argument("--verify", type=int, default=500, help="of verification (default: %(default)s)")
    parser.add_argument(
        "--cleanings", type=int, default=500, help="of `lowatch clean` (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, help="of the first; the next one's is one more (default: random)"
    )
    arguments = parser.parse_args()
    first = secrets.randbelow(10**9) if arguments.seed is None else arguments.seed
    isolate_session()
    disagreeing = _try_all("verdicts", trial, first, arguments.worlds)
    harmful = _try_all("fixes", fix_trial.trial, first, arguments.fixes)
    doubted = _try_all("verification", verify_trial.trial, first, arguments.verify)
    not_undone = _try_all("cleanings", clean_trial.trial, first, arguments.cleanings)
    return 1 if disagreeing + harmful + doubted + not_undone else 0


def _try_all(what: str, try_one: Callable[[int, Counter[str]], str], first: int, worlds: int) -> int:
    """How many trials failed. Prints the story of each."""
    print(f"{what}: {worlds} worlds from seed {first}")
    failing, counts, started = 0, Counter[str](), time.monotonic()
    for number in range(worlds):
        story = try_one(first + number, counts)
        if story:
            failing += 1
            print(f"\r{story}\n", flush=True)
        if sys.stderr.isatty():
            print(f"\r{number + 1} worlds, {failing} fail", end="", file=sys.stderr)
    said = "".join(f"{count:7} {what}\n" for what, count in counts.most_common())
    print(f"\r{said}{failing} of {worlds} worlds fail, {time.monotonic() - started:.0f} s")
    return failing


if __name__ == "__main__":
    sys.exit(main())
