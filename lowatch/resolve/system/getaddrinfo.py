"""Calls the C library's getaddrinfo, as applications do, in a thread.

getaddrinfo blocks, cannot be cancelled and may hang forever (a module of nsswitch.conf, a dead nameserver).
So a daemon thread calls it: the loop never waits, and the process does not wait for the thread when it
exits (as it would for a thread of asyncio.to_thread).
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
"""Seconds to wait for an idle thread to end, which takes microseconds."""

_KNOWN_TO_BE_NONE = {socket.EAI_NONAME, socket.EAI_NODATA, socket.EAI_ADDRFAMILY}
_OF_THIS_PROCESS = ("RES_OPTIONS", "HOSTALIASES", "RESOLV_HOST_CONF", "RESOLV_MULTI", "RESOLV_REORDER")
"""Variables that change the answers of one process alone. See resolv.conf(5) and host.conf(5)."""


class Seen(NamedTuple):
    """A result of getaddrinfo. addresses: sorted; None if it failed, and reason says why."""

    addresses: tuple[Address, ...] | None
    reason: str = ""


class Looked(NamedTuple):
    """cost: CPU seconds, with the kernel's: to sort two addresses, glibc has it dump all local ones."""

    seen: Seen
    cost: float = 0.0


def look_up(name: str) -> Seen:
    """Look up both families, whatever addresses this host has (no AI_ADDRCONFIG). Blocks.

    A name that does not exist, or has no address, is a result (EAI_NONAME); EAI_AGAIN and all other errors
    are failures. The name has no final dot, because with one it is not found in /etc/hosts. An empty
    LOCALDOMAIN keeps search domains from applying (see absolute_names).
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
    """Keep search domains of resolv.conf(5) from applying to this process's lookups from now on.

    A final dot does that too, but then no line of /etc/hosts applies. Variables that change the answers of
    this process alone are removed as well.
    """
    os.environ["LOCALDOMAIN"] = ""
    for variable in _OF_THIS_PROCESS:
        os.environ.pop(variable, None)


class AddressLookups(Protocol):
    """Calls getaddrinfo for one name at a time: in a thread, or simulated."""

    def another(self) -> AddressLookups:
        """One more like this, independent of it."""

    async def idle(self) -> None:
        """Wait until ask() may be called. Giving up on an answer does not end its lookup."""

    def ask(self, name: str) -> asyncio.Future[Looked]:
        """Look a name up; only while idle. To give up on the answer, a caller may cancel the future."""

    def close(self) -> None:
        """Stop, without waiting for a lookup under way."""


_Questions = SimpleQueue[tuple[str, asyncio.Future[Looked]] | None]


class LookupThread:
    """Runs one lookup at a time. It belongs to the event loop of the first ask()."""

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
        """Wait until the lookup under way has ended, if there is one."""
        await self._idle.wait()

    def ask(self, name: str) -> asyncio.Future[Looked]:
        """See AddressLookups. If no thread can be started (pids.max), that failure is the answer."""
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
        """Raises RuntimeError if the system cannot start a thread."""
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
