"""python -m tests.oracle [--worlds N] [--seed S]: as many worlds, one after the other."""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections import Counter

from tests.support.netns import isolate_session

from .trial import trial


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    parser.add_argument("--worlds", type=int, default=2000, help="how many (default: %(default)s)")
    parser.add_argument(
        "--seed", type=int, help="of the first; the next one's is one more (default: random)"
    )
    arguments = parser.parse_args()
    first = secrets.randbelow(10**9) if arguments.seed is None else arguments.seed
    isolate_session()
    print(f"{arguments.worlds} worlds from seed {first}")
    disagreeing, verdicts, started = 0, Counter[str](), time.monotonic()
    for number in range(arguments.worlds):
        story = trial(first + number, verdicts)
        if story:
            disagreeing += 1
            print(f"\r{story}\n", flush=True)
        if sys.stderr.isatty():
            print(f"\r{number + 1} worlds, {disagreeing} disagree", end="", file=sys.stderr)
    said = ", ".join(f"{count} {what}" for what, count in verdicts.most_common())
    seconds = time.monotonic() - started
    print(f"\r{said}\n{disagreeing} of {arguments.worlds} worlds disagree, {seconds:.0f} s")
    return 1 if disagreeing else 0


if __name__ == "__main__":
    sys.exit(main())
