"""Runs twenty worlds of a day each. The same seed has the same story. Three planted faults are found."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import pytest

from .loop import VirtualLoop
from .plants import PLANTS
from .script import Event, script
from .shrink import shrunk
from .simulation import run

SEEDS = 20


def simulate(*arguments: str) -> list[str]:
    """Each seed's line. Runs in a process of its own, because the story depends on the order of sets."""
    command = [sys.executable, "-m", "tests.simulation", "--traces", *arguments]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.splitlines()


@cache
def twenty_worlds() -> dict[int, str]:
    """Seed -> failure. Runs two processes at a time."""
    half = SEEDS // 2

    def simulated(first: int) -> list[str]:
        return simulate("--first", str(first), "--seeds", str(half), "--days", "1")

    with ThreadPoolExecutor(2) as pool:
        lines = [line.split("\t") for some in pool.map(simulated, (0, half)) for line in some]
    return {int(seed): failure for seed, _, failure in lines}


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_day_of_a_world(seed: int) -> None:
    failure = twenty_worlds()[seed]
    assert not failure, f"make simulate SEED={seed} DAYS=1: {failure}"


def test_the_same_seed_is_the_same_story() -> None:
    first, second = (simulate("--first", "7", "--seeds", "1", "--days", "0.1") for _ in range(2))
    assert first == second
    assert simulate("--first", "8", "--seeds", "1", "--days", "0.1") != first


@pytest.mark.parametrize("plant", PLANTS)
def test_a_fault_in_the_daemon_is_found(plant: str) -> None:
    lines = simulate("--plant", plant, "--seeds", "8", "--days", "0.5", "--until-failure")
    assert any(line.split("\t")[2] for line in lines)


def test_a_script_is_drawn_from_its_seed() -> None:
    assert script(3, 1.0) == script(3, 1.0)
    assert script(3, 1.0) != script(4, 1.0)


def test_what_does_not_matter_is_left_out() -> None:
    events = [Event(float(number), "close", (number,)) for number in range(100)]
    needed = {events[13], events[57], events[58]}
    assert shrunk(events, lambda some: needed <= set(some)) == sorted(needed)


def test_nameservers_that_are_dead_for_a_night() -> None:
    """The daemon checks as often in the tenth hour as in the first whether they are back."""
    dead = [Event(60.0, "fault", (f"dead {number}", 40_000.0)) for number in (0, 1)]
    outcome = run(1, 0.6, [Event(0.0, "mend_sockets"), *dead])
    assert not outcome.failure
    assert outcome.checked["names"], "it knew all names again"


def test_time_jumps_to_the_next_timer() -> None:
    loop = VirtualLoop()
    began, rung = loop.time(), []
    loop.call_later(3_600.0, lambda: rung.append(loop.time() - began))
    loop.call_later(7_200.0, loop.stop)
    loop.run_forever()
    loop.close()
    assert rung == [3_600.0]
