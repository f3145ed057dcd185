"""Looks names up with getaddrinfo: one at a time as scheduled, or several at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection
from typing import Protocol

from lowatch.core.clock import Clock
from lowatch.core.limits.names import GETADDRINFO_THREADS
from lowatch.resolve.system.getaddrinfo import AddressLookups, Looked, LookupThread, Seen

from .crosscheck_schedule import CrossCheckSchedule

DEADLINE = 15.0
"""Seconds until an unanswered name is unknown. glibc waits ten seconds for a single nameserver."""
STUCK_AFTER = 45.0
"""Further seconds until all names are unknown."""
_LOOK_EVERY = 30.0
"""Maximum seconds between calls of before_asking()."""


class CrossCheckListener(Protocol):
    """Receives the results of getaddrinfo."""

    def before_asking(self) -> None:
        """Called before each lookup, to update the schedule."""

    def take_seen(self, name: str, seen: Seen, cost: float = 0.0, *, keep: bool = False) -> None:
        """A lookup ended. cost: in CPU seconds. keep: the lookup was requested, so always show it."""

    def lookups_stuck(self, reason: str) -> None:
        """No name can be looked up now, so the earlier results are old."""

    def refusal(self) -> str:
        """Why getaddrinfo must not be called now; "" if it may be."""


class CrossCheck:
    """Looks up one scheduled name after the other, for as long as follow() runs."""

    def __init__(
        self,
        schedule: CrossCheckSchedule,
        clock: Clock,
        listener: CrossCheckListener,
        thread: AddressLookups | None = None,
    ) -> None:
        self._schedule = schedule
        self._clock = clock
        self._listener = listener
        self._thread: AddressLookups = thread or LookupThread()
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """A name may be due earlier than planned."""
        self._woken.set()

    async def follow(self) -> None:
        """Look up the names that are due, until cancelled."""
        try:
            while True:
                self._listener.before_asking()
                await self._until_due()
                name = self._schedule.next(self._clock.now().monotonic)
                if name is not None:
                    await self._ask_however_long(name)
        finally:
            self._thread.close()

    async def check(self, names: Collection[str], patience: float) -> None:
        """Look these up now, several at a time. Names unanswered after `patience` seconds are unknown.

        A lookup that hangs blocks only its own thread.
        """
        waiting = deque(names)
        unanswered = dict.fromkeys(names)
        if len(waiting) > GETADDRINFO_THREADS.value:
            GETADDRINFO_THREADS.reached()
        threads = [self._thread.another() for _ in range(min(len(waiting), GETADDRINFO_THREADS.value))]
        try:
            async with asyncio.timeout(patience), asyncio.TaskGroup() as tasks:
                for thread in threads:
                    tasks.create_task(self._ask_in_turn(thread, waiting, unanswered))
        except TimeoutError:
            for name in unanswered:
                self._listener.take_seen(name, Seen(None, _no_answer(patience)), keep=True)
        finally:
            for thread in threads:
                thread.close()

    async def _ask_in_turn(
        self, thread: AddressLookups, waiting: deque[str], unanswered: dict[str, None]
    ) -> None:
        while waiting:
            name = waiting.popleft()
            looked = await self._ask(name, thread)
            del unanswered[name]
            self._listener.take_seen(name, looked.seen, looked.cost, keep=True)

    async def _until_due(self) -> None:
        wait = min(self._schedule.due() - self._clock.now().monotonic, _LOOK_EVERY)
        try:
            async with asyncio.timeout(max(0.0, wait)):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()

    async def _ask(self, name: str, thread: AddressLookups) -> Looked:
        """If cancelled, the thread finishes its lookup."""
        await thread.idle()
        refusal = self._listener.refusal()
        return Looked(Seen(None, refusal)) if refusal else await asyncio.shield(thread.ask(name))

    async def _ask_however_long(self, name: str) -> None:
        """A late answer counts. Until then the name is unknown, and after STUCK_AFTER all names are."""
        async with asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(self._ask(name, self._thread))
            try:
                if not await _done(asking, DEADLINE):
                    self._listener.take_seen(name, Seen(None, _no_answer(DEADLINE)))
                    if not await _done(asking, STUCK_AFTER):
                        self._listener.lookups_stuck(f"getaddrinfo is busy with {name}")
                looked = await asking
                self._listener.take_seen(name, looked.seen, looked.cost)
            finally:
                asking.cancel()


async def _done(task: asyncio.Task[Looked], patience: float) -> bool:
    done, _ = await asyncio.wait([task], timeout=patience)
    return bool(done)


def _no_answer(patience: float) -> str:
    return f"no answer from getaddrinfo within {patience:g} s"
