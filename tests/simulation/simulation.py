"""Runs one world from one seed, and reports what went wrong and when."""

from __future__ import annotations

import asyncio
import gc
import logging
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from lowatch.app import daemon

from . import disk
from .checks import Checks, Violation
from .loop import STARTED_AT, SpinningError, VirtualLoop
from .script import DAY, Event, script
from .world import World


class SimulationResult(NamedTuple):
    """failure: the invariant that does not hold, or "". step: the turn of the loop at which that was seen.

    trace: a digest of the story. tail: the story's last lines. checked: as in Checks.
    """

    seed: int
    days: float
    failure: str
    step: int
    trace: str
    tail: Sequence[str]
    checked: dict[str, int]
    lives: int

    @property
    def kind(self) -> str:
        """The failure without details. A shorter script fails in the same way if this is equal."""
        return "".join(one for one in self.failure.partition(":")[0] if not one.isdigit())


class _EnoughError(Exception):
    """Raised at the step at which to stop."""


def run(
    seed: int, days: float, events: Sequence[Event] | None = None, until_step: int = 0
) -> SimulationResult:
    """events: in place of the seed's own. until_step: the turn of the loop at which to stop; 0 for none."""
    happening = script(seed, days) if events is None else events
    loop = VirtualLoop()
    failure = ""
    with TemporaryDirectory(dir=_fast_directory()) as directory, _quiet(), _collected():
        world = World(seed, Path(directory), loop)
        checks = Checks(world)
        if until_step:
            _stop_at(loop, until_step)
        with disk.installed(world.disk), _sweeping(world.sweep_every):
            try:
                loop.run_until_complete(_live(world, checks, happening, days * DAY))
                _check_nothing_left(loop)
            except (Violation, SpinningError) as error:
                failure = str(error)
            except _EnoughError:
                pass
            except Exception as error:
                failure = _innermost(error)
            finally:
                step = loop.turns
                _abandon(world, loop)
    return SimulationResult(
        seed, days, failure, step, world.trace, list(world.tail), checks.checked, world.lives
    )


def _innermost(error: BaseException) -> str:
    """The first error, and where it was raised."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({place.filename}:{place.lineno})"


async def _live(world: World, checks: Checks, events: Sequence[Event], seconds: float) -> None:
    loop = world.loop
    ends = STARTED_AT + seconds
    happening = loop.create_task(_happen(world, checks, events))
    over = loop.call_at(ends, _end, world)
    while loop.time() < ends:
        life = world.begin_life()
        checks.life_begins(life)
        life.task = loop.create_task(life.run())
        try:
            await life.task
        except asyncio.CancelledError:
            if not life.ended:
                raise
        checks.life_ends(life)
        world.end_life()
        await asyncio.sleep(world.gone_for)
    over.cancel()
    happening.cancel()
    checks.close()
    await asyncio.sleep(10.0)


async def _happen(world: World, checks: Checks, events: Sequence[Event]) -> None:
    for event in events:
        delay = STARTED_AT + event.at - world.loop.time()
        if delay > 0:
            await asyncio.sleep(delay)
        checks.happening(event.what)
        world.happen(event)
        checks.happened(event.what)


def _end(world: World) -> None:
    world.gone_for = 0.0
    if world.life is not None:
        world.life.stop()


def _check_nothing_left(loop: VirtualLoop) -> None:
    tasks = [task.get_name() for task in asyncio.all_tasks(loop)]
    if tasks:
        raise Violation(f"tasks are left: {tasks}")
    timers = [handle for handle in loop._scheduled if not handle.cancelled()]
    left = [timer for timer in timers if "lowatch" in repr(timer)]
    if left:
        raise Violation(f"timers are left: {left}")


def _abandon(world: World, loop: VirtualLoop) -> None:
    """Ends the world without further checks."""
    world.loop.each_turn = lambda: None
    world.journald.wrote = lambda _: None
    world.kernel.changed = world.zone.changed = world.names.changed = lambda: None
    if world.life is not None:
        world.life.killed = True
    loop.turned = lambda timeout: None  # type: ignore[method-assign]
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.close()


def _stop_at(loop: VirtualLoop, step: int) -> None:
    turned = loop.turned

    def stop_then(timeout: float | None) -> None:
        turned(timeout)
        if loop.turns >= step:
            raise _EnoughError

    loop.turned = stop_then  # type: ignore[method-assign]


@contextmanager
def _sweeping(seconds: float) -> Iterator[None]:
    """Sets the seconds between the daemon's sweeps."""
    before = daemon.SWEEP_EVERY
    daemon.SWEEP_EVERY = seconds
    try:
        yield
    finally:
        daemon.SWEEP_EVERY = before


@contextmanager
def _quiet() -> Iterator[None]:
    """Turns off the daemon's log."""
    log = logging.getLogger("lowatch")
    before = log.disabled, log.level, log.propagate
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.disabled, log.level, log.propagate = before


@contextmanager
def _collected() -> Iterator[None]:
    """Collects garbage between worlds only."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _fast_directory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
