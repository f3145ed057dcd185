"""Asking getaddrinfo: about one name at a time as the schedule has it, or about several at once."""

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
"""Seconds until a name counts as unknown for want of an answer. glibc gives a lone nameserver ten."""
STUCK_AFTER = 45.0
"""Seconds more until all names do."""
_LOOK_EVERY = 30.0
"""Seconds between calls of before_asking(), where nobody is due for longer."""


class Audience(Protocol):
    """Receives what getaddrinfo says."""

    def before_asking(self) -> None:
        """Called again and again: the time to tell the schedule which names lead here."""

    def take_seen(self, name: str, seen: Seen, cost: float = 0.0, *, keep: bool = False) -> None:
        """What it says of a name. keep: somebody asked for it, so that it is to be shown."""

    def lookups_stuck(self, reason: str) -> None:
        """Nothing can be asked for now: what was seen before is old."""

    def refusal(self) -> str:
        """Why it must not be asked; "" where it may be."""


class CrossCheck:
    """Asks by the schedule, one name after the other, for as long as follow() runs."""

    def __init__(
        self,
        schedule: CrossCheckSchedule,
        clock: Clock,
        audience: Audience,
        thread: AddressLookups | None = None,
    ) -> None:
        self._schedule = schedule
        self._clock = clock
        self._audience = audience
        self._thread: AddressLookups = thread or LookupThread()
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Some name may be due earlier than was planned."""
        self._woken.set()

    async def follow(self) -> None:
        """Ask about the names that are due, until cancelled."""
        try:
            while True:
                self._audience.before_asking()
                await self._until_due()
                name = self._schedule.next(self._clock.now().monotonic)
                if name is not None:
                    await self._ask_however_long(name)
        finally:
            self._thread.close()

    async def check(self, names: Collection[str], patience: float) -> None:
        """Ask about these now, several at a time. After `patience` seconds the others are unknown.

        One that hangs keeps its own thread from the others, and no more.
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
                self._audience.take_seen(name, Seen(None, _no_answer(patience)), keep=True)
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
            self._audience.take_seen(name, looked.seen, looked.cost, keep=True)

    async def _until_due(self) -> None:
        wait = min(self._schedule.due() - self._clock.now().monotonic, _LOOK_EVERY)
        try:
            async with asyncio.timeout(max(0.0, wait)):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()

    async def _ask(self, name: str, thread: AddressLookups) -> Looked:
        """Cancelled, it leaves the thread at its work."""
        await thread.idle()
        refusal = self._audience.refusal()
        return Looked(Seen(None, refusal)) if refusal else await asyncio.shield(thread.ask(name))

    async def _ask_however_long(self, name: str) -> None:
        """A late answer is an answer. Until it comes the name is unknown, and in the end all are."""
        async with asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(self._ask(name, self._thread))
            try:
                if not await _done(asking, DEADLINE):
                    self._audience.take_seen(name, Seen(None, _no_answer(DEADLINE)))
                    if not await _done(asking, STUCK_AFTER):
                        self._audience.lookups_stuck(f"getaddrinfo is busy with {name}")
                looked = await asking
                self._audience.take_seen(name, looked.seen, looked.cost)
            finally:
                asking.cancel()


async def _done(task: asyncio.Task[Looked], patience: float) -> bool:
    done, _ = await asyncio.wait([task], timeout=patience)
    return bool(done)


def _no_answer(patience: float) -> str:
    return f"no answer from getaddrinfo within {patience:g} s"
