"""python -m tests.walk [--steps N] [--seed S]: one long walk of the daemon, compared with clients."""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections import Counter

from tests.support.netns import isolate_session

from .walk import walk


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.walk", description=__doc__)
    parser.add_argument("--steps", type=int, default=500, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="default: random")
    arguments = parser.parse_args()
    seed = secrets.randbelow(10**9) if arguments.seed is None else arguments.seed
    isolate_session()
    print(f"{arguments.steps} steps from seed {seed}", flush=True)
    seen, started = Counter[str](), time.monotonic()
    story = walk(seed, arguments.steps, seen)
    said = ", ".join(f"{count} {what}" for what, count in seen.most_common())
    print(
        f"{story or 'never another opinion than its clients'}\n{said}, {time.monotonic() - started:.0f} s"
    )
    return 1 if story else 0


if __name__ == "__main__":
    sys.exit(main())
