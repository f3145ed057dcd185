"""python -m tests.fuzz_dns [--messages N] [--seed S]: as many mutated responses, through both parsers."""

from __future__ import annotations

import argparse
import random
import secrets
import sys
import time

from tests.support.dns_server import Knot

from .compare import Account
from .mutations import mutants
from .seeds import ZONES, built, captured, from_knot

_SHOWN = 20
_BATCH = 10_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz_dns", description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="of the random numbers (default: random)")
    arguments = parser.parse_args()
    seed = secrets.randbelow(10**9) if arguments.seed is None else arguments.seed
    with Knot(ZONES) as knot:
        seeds = [*from_knot(knot), *(each.seed for each in captured()), *built()]
    print(f"{arguments.messages} mutants of {len(seeds)} responses, by seed {seed}")
    rng, account, started = random.Random(seed), Account(), time.monotonic()
    for done in range(0, arguments.messages, _BATCH):
        account.take(mutants(seeds, min(_BATCH, arguments.messages - done), rng))
        if sys.stderr.isatty():
            print(f"\r{done + _BATCH}: {account}", end="", file=sys.stderr)
    print(*account.wrong[:_SHOWN], f"{account}, {time.monotonic() - started:.0f} s", sep="\n")
    return 1 if account.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
