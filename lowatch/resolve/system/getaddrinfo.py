"""The C library's getaddrinfo, as applications ask it, and a thread that waits for it.

It blocks, cannot be cancelled and may hang without end (a module of nsswitch.conf, a dead nameserver). So a
daemon thread of ours waits for it: the loop never does, and a process that ends does not wait for it (as
it would for a thread of asyncio.to_thread).
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import NamedTuple, Protocol

from lowatch.core.addresses import Address, parse_address
from lowatch.core.limits.names import ADDRESSES_PER_NAME

_PATIENCE_AT_CLOSE = 1.0
"""Seconds for an idle thread to end, which takes it microseconds."""

_KNOWN_TO_BE_NONE = {socket.EAI_NONAME, socket.EAI_NODATA, socket.EAI_ADDRFAMILY}
_OF_THIS_PROCESS = ("RES_OPTIONS", "HOSTALIASES", "RESOLV_HOST_CONF", "RESOLV_MULTI", "RESOLV_REORDER")
"""Variables that change a process's answers, see resolv.conf(5) and host.conf(5): not all have them."""


class Seen(NamedTuple):
    """What getaddrinfo said. addresses: sorted; None where it could not tell, and reason says why."""

    addresses: tuple[Address, ...] | None
    reason: str = ""


class Looked(NamedTuple):
    """cost: seconds of CPU time, the kernel's for us included: it dumps all addresses to sort two."""

    seen: Seen
    cost: float = 0.0


def look_up(name: str) -> Seen:
    """Ask for both families, whatever addresses this host has (no AI_ADDRCONFIG). Blocks.

    That there is no such name, or no address, is an answer (EAI_NONAME); EAI_AGAIN and all else is none.
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
        return Seen(None, f"{len(texts):,} addresses, over the limit")
    return Seen(tuple(sorted(map(parse_address, texts))))


def absolute_names() -> None:
    """Let no search domain of resolv.conf apply to what this process looks up from now on.

    With a final dot none does either, but then no line of /etc/hosts applies. See resolv.conf(5). Nor
    does what the environment of this process says to it alone.
    """
    os.environ["LOCALDOMAIN"] = ""
    for variable in _OF_THIS_PROCESS:
        os.environ.pop(variable, None)


class AddressLookups(Protocol):
    """Asks the C library, one name at a time: in a thread, or simulated."""

    def another(self) -> AddressLookups:
        """One more like this, independent of it."""

    async def idle(self) -> None:
        """Wait until it may be asked. Giving up on an answer does not end the lookup."""

    def ask(self, name: str) -> asyncio.Future[Looked]:
        """Ask while it is idle. A caller that no longer wants the answer may cancel the future."""

    def close(self) -> None:
        """Let it end, without waiting for a lookup under way."""


_Questions = SimpleQueue[tuple[str, asyncio.Future[Looked]] | None]


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

    def another(self) -> LookupThread:
        return LookupThread(self._look_up)

    async def idle(self) -> None:
        """Wait until it may be asked: who gave up waiting did not end the lookup."""
        await self._idle.wait()

    def ask(self, name: str) -> asyncio.Future[Looked]:
        """Of an idle one only. Who no longer wants to know leaves the future alone, or cancels it.

        Where no thread can be started (pids.max), that is the answer.
        """
        assert not self.busy_with, self.busy_with
        answered: asyncio.Future[Looked] = asyncio.get_running_loop().create_future()
        try:
            self._start()
        except RuntimeError as error:
            answered.set_result(Looked(Seen(None, str(error))))
            return answered
        self.busy_with = name
        self._idle.clear()
        self._questions.put((name, answered))
        return answered

    def _start(self) -> None:
        """Raises RuntimeError where the system has no thread to spare."""
        if self._thread is None:
            absolute_names()
            questions = _Questions()
            thread = Thread(target=self._serve, args=[questions], name="getaddrinfo", daemon=True)
            thread.start()
            self._thread, self._questions = thread, questions

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
            began = time.thread_time()
            seen = self._look_up(name)
            looked = Looked(seen, time.thread_time() - began)
            try:
                answered.get_loop().call_soon_threadsafe(self._answered, answered, looked)
            except RuntimeError:  # the loop was closed: nobody waits any more
                return

    def _answered(self, answered: asyncio.Future[Looked], looked: Looked) -> None:
        self.busy_with = ""
        self._idle.set()
        if not answered.done():
            answered.set_result(looked)
