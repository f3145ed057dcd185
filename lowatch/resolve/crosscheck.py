"""What applications get: the C library's getaddrinfo, asked about one name at a time.

It blocks, cannot be cancelled and may hang for ever (a module of nsswitch.conf, a dead nameserver). So one
daemon thread of ours waits for it: the loop never does, a second one is never started, and a process that
ends does not wait for it (as it would for a thread of asyncio.to_thread).
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable, Collection
from queue import SimpleQueue
from threading import Thread
from typing import NamedTuple, Protocol

from lowatch.core.addresses import Address, parse_address
from lowatch.core.limits import ADDRESSES_PER_NAME

from .crosscheck_schedule import CrossCheckSchedule

DEADLINE = 15.0
"""Seconds until a name counts as unknown for want of an answer. glibc gives a lone nameserver ten."""
STUCK_AFTER = 45.0
"""Seconds more until all names do."""
_PATIENCE_AT_CLOSE = 1.0
"""Seconds for an idle thread to end, which takes it microseconds."""

_KNOWN_TO_BE_NONE = {socket.EAI_NONAME, socket.EAI_NODATA, socket.EAI_ADDRFAMILY}


class Seen(NamedTuple):
    """What getaddrinfo said. addresses: sorted; None where it could not tell, and reason says why."""

    addresses: tuple[Address, ...] | None
    reason: str = ""


def look_up(name: str) -> Seen:
    """Ask for both families, whatever addresses this host has (no AI_ADDRCONFIG). Blocks.

    The name goes without a final dot, for with one it is not found in /etc/hosts. That it is complete as
    it is, and no search domain applies, is said by LOCALDOMAIN (see absolute_names).
    """
    try:
        found = socket.getaddrinfo(name.encode(), None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in _KNOWN_TO_BE_NONE:
            return Seen(())
        return Seen(None, str(error.strerror))
    except (OSError, UnicodeError) as error:
        return Seen(None, str(error))
    texts = {str(sockaddr[0]).partition("%")[0] for *_, sockaddr in found}
    if len(texts) > 2 * ADDRESSES_PER_NAME.value:
        ADDRESSES_PER_NAME.reached()
        return Seen(None, f"{len(texts):,} addresses are more than are looked at")
    return Seen(tuple(sorted(map(parse_address, texts))))


def absolute_names() -> None:
    """Let no search domain of resolv.conf apply to what this process looks up from now on.

    With a final dot none does either, but then no line of /etc/hosts applies. See resolv.conf(5).
    """
    os.environ["LOCALDOMAIN"] = ""


_Questions = SimpleQueue[tuple[str, asyncio.Future[Seen]] | None]


class LookupThread:
    """One lookup at a time. Belongs to the loop that asks first."""

    def __init__(self, look_up: Callable[[str], Seen] = look_up) -> None:
        self._look_up = look_up
        self._thread: Thread | None = None
        self._questions = _Questions()
        self._idle = asyncio.Event()
        self._idle.set()
        self.busy_with = ""
        """The name that is being looked up; "" for none."""

    async def idle(self) -> None:
        """Wait until it may be asked: who gave up waiting did not end the lookup."""
        await self._idle.wait()

    def ask(self, name: str) -> asyncio.Future[Seen]:
        """Of an idle one only. Who no longer wants to know leaves the future alone, or cancels it."""
        assert not self.busy_with, self.busy_with
        if self._thread is None:
            absolute_names()
            self._questions = _Questions()
            self._thread = Thread(
                target=self._serve, args=[self._questions], name="getaddrinfo", daemon=True
            )
            self._thread.start()
        self.busy_with = name
        self._idle.clear()
        answered: asyncio.Future[Seen] = asyncio.get_running_loop().create_future()
        self._questions.put((name, answered))
        return answered

    def close(self) -> None:
        """End the thread. One that is busy ends after its lookup, or else with the process."""
        if self._thread is None:
            return
        self._questions.put(None)
        if not self.busy_with:
            self._thread.join(_PATIENCE_AT_CLOSE)
        self._thread = None

    def _serve(self, questions: _Questions) -> None:
        while (question := questions.get()) is not None:
            name, answered = question
            seen = self._look_up(name)
            try:
                answered.get_loop().call_soon_threadsafe(self._answered, answered, seen)
            except RuntimeError:  # the loop was closed: nobody waits any more
                return

    def _answered(self, answered: asyncio.Future[Seen], seen: Seen) -> None:
        self.busy_with = ""
        self._idle.set()
        if not answered.done():
            answered.set_result(seen)


class Audience(Protocol):
    """Who wants to know what getaddrinfo says."""

    def before_asking(self) -> None:
        """Called again and again: the time to tell the schedule whom to watch closely."""

    def take_seen(self, name: str, seen: Seen, *, keep: bool = False) -> None:
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
        now: Callable[[], float],
        audience: Audience,
        thread: LookupThread | None = None,
    ) -> None:
        self._schedule = schedule
        self._now = now
        self._audience = audience
        self._thread = thread or LookupThread()
        self._turn = asyncio.Lock()
        self._woken = asyncio.Event()
        self._following = False

    def wake(self) -> None:
        """Somebody may be due earlier than was thought."""
        self._woken.set()

    async def follow(self) -> None:
        """Ask whoever is due, until cancelled."""
        self._following = True
        try:
            while True:
                self._audience.before_asking()
                await self._until_due()
                name = self._schedule.next(self._now())
                if name is not None:
                    async with self._turn:
                        await self._ask_however_long(name)
        finally:
            self._following = False
            self._thread.close()

    async def check(self, names: Collection[str], patience: float) -> None:
        """Ask about these now. Those not answered for after `patience` seconds are unknown."""
        waiting = deque(names)
        try:
            async with asyncio.timeout(patience):
                while waiting:
                    async with self._turn:
                        seen = await self._ask(waiting[0])
                    self._audience.take_seen(waiting.popleft(), seen, keep=True)
        except TimeoutError:
            for name in waiting:
                self._audience.take_seen(name, Seen(None, _no_answer(patience)), keep=True)
        finally:
            if not self._following:
                self._thread.close()

    async def _until_due(self) -> None:
        wait = self._schedule.due() - self._now()
        try:
            async with asyncio.timeout(None if wait == float("inf") else max(0.0, wait)):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()

    async def _ask(self, name: str) -> Seen:
        """Cancelled, it leaves the thread at its work."""
        await self._thread.idle()
        refusal = self._audience.refusal()
        return Seen(None, refusal) if refusal else await asyncio.shield(self._thread.ask(name))

    async def _ask_however_long(self, name: str) -> None:
        """A late answer is an answer. Until it comes the name is unknown, and in the end all are."""
        async with asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(self._ask(name))
            try:
                if not await _done(asking, DEADLINE):
                    self._audience.take_seen(name, Seen(None, _no_answer(DEADLINE)))
                    if not await _done(asking, STUCK_AFTER):
                        self._audience.lookups_stuck(f"getaddrinfo is busy with {name}")
                self._audience.take_seen(name, await asking)
            finally:
                asking.cancel()


async def _done(task: asyncio.Task[Seen], patience: float) -> bool:
    done, _ = await asyncio.wait([task], timeout=patience)
    return bool(done)


def _no_answer(patience: float) -> str:
    return f"no answer from getaddrinfo within {patience:g} s"
