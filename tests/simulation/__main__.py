"""`python -m tests.simulation`: runs worlds from seeds, each for some days.

--seeds 100 --days 10      worlds of the seeds 0 to 99; --first 100 begins at 100
--seed 17 --days 10        one world, with the end of its story
--seed 17 --step 4711      the same, up to that turn of the loop
--seed 17 --shrink         the same, with the fewest events that make it fail in the same way
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from contextlib import nullcontext

from .plants import PLANTS
from .script import script
from .shrink import shrunk
from .simulation import SimulationResult, run

_SHOWN = 60


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--days", type=float, default=1.0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--step", type=int, default=0)
    parser.add_argument("--shrink", action="store_true")
    parser.add_argument("--plant", choices=tuple(PLANTS), help="with this fault in the daemon")
    parser.add_argument("--until-failure", action="store_true", help="stop after the first")
    parser.add_argument("--traces", action="store_true", help="only each seed, its trace and its failure")
    arguments = parser.parse_args()
    if os.environ.get("PYTHONHASHSEED") != "0":  # the story depends on the order of sets
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]])
    with PLANTS[arguments.plant]() if arguments.plant else nullcontext():
        return _many(arguments) if arguments.seed is None else _one(arguments)


def _one(arguments: argparse.Namespace) -> int:
    outcome = run(arguments.seed, arguments.days, until_step=arguments.step)
    print("\n".join(outcome.tail[-_SHOWN:]))
    print(_verdict(outcome))
    if outcome.failure and arguments.shrink:
        _shrink(outcome)
    return bool(outcome.failure)


def _shrink(outcome: SimulationResult) -> None:
    def fails(events: object) -> bool:
        return run(outcome.seed, outcome.days, events).kind == outcome.kind  # type: ignore[arg-type]

    events = shrunk(script(outcome.seed, outcome.days), fails)
    shorter = run(outcome.seed, outcome.days, events)
    print(f"\nfails alike with {len(events)} events:")
    print("\n".join(map(str, events)))
    print("\n".join(shorter.tail[-_SHOWN:]))
    print(_verdict(shorter))


def _many(arguments: argparse.Namespace) -> int:
    began, failed, checked = time.monotonic(), [], Counter[str]()
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        outcome = run(seed, arguments.days)
        checked.update(outcome.checked)
        checked["life"] += outcome.lives
        if arguments.traces:
            print(f"{seed}\t{outcome.trace}\t{outcome.failure}", flush=True)
        elif outcome.failure:
            print(_verdict(outcome), flush=True)
        if outcome.failure:
            failed.append(seed)
            if arguments.until_failure:
                break
    took = time.monotonic() - began
    if not arguments.traces:
        days = arguments.seeds * arguments.days
        counts = ", ".join(f"{number:,} x {what}" for what, number in checked.items())
        print(f"{arguments.seeds} seeds, {days:g} days in {took:.0f} s: {days / took:.2f} days a second")
        print(f"checked: {counts}")
        print(f"failed: {failed or 'none'}")
    return bool(failed)


def _verdict(outcome: SimulationResult) -> str:
    if not outcome.failure:
        return f"seed {outcome.seed}: all well after {outcome.step} steps, trace {outcome.trace}"
    again = f"make simulate SEED={outcome.seed} DAYS={outcome.days:g} STEP={outcome.step}"
    return f"seed {outcome.seed}, step {outcome.step}: {outcome.failure[:1_500]}\n  again: {again}"


if __name__ == "__main__":
    sys.exit(main())
