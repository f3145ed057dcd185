"""Runs blocking work in daemon threads, which end with the process.

asyncio.to_thread() is not used because asyncio.run() joins its threads at the end: a hung file system or a
minute of parsing would delay the exit after SIGTERM. If no thread can be started (pids.max of the cgroup,
RLIMIT_NPROC), that is logged once, and callers try again later.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import ParamSpec, Protocol, TypeVar

from lowatch.core.limits.files import THREADS

P = ParamSpec("P")
T = TypeVar("T")


class NoThreadError(Exception):
    """No thread could be started, perhaps only for now. The message is one line."""


class Threads(Protocol):
    """Runs blocking work in threads."""

    async def run_blocking(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function in a thread, and return or raise what it does. Raises NoThreadError.

        If the caller is cancelled, the thread finishes its work all the same.
        """

    def start(self, work: Callable[[], None], name: str) -> None:
        """Start a thread without waiting for it. Raises NoThreadError."""

    def run_within(self, seconds: float, work: Callable[[], None]) -> None:
        """Block until a thread has done the work, or for some seconds. Without a thread, do it here."""


_log = logging.getLogger("lowatch")

_alive: set[threading.Thread] = set()
_refusal = ""


def thread_problem() -> str:
    """Why the most recent thread could not be started; "" if it was."""
    return _refusal


async def in_thread(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a function in a thread, and return or raise what it does. Raises NoThreadError.

    If the caller is cancelled, the thread finishes its work all the same.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(set_it: Callable[[], None]) -> None:
        if not done.done():  # the caller may have been cancelled
            set_it()

    def work() -> None:
        try:
            set_it = partial(done.set_result, function(*args, **kwargs))
        except Exception as error:
            set_it = partial(done.set_exception, error)
        with suppress(RuntimeError):  # the loop is closed: nobody is waiting
            loop.call_soon_threadsafe(settle, set_it)

    start_thread(work, getattr(function, "__name__", "work"))
    return await done


def start_thread(work: Callable[[], None], name: str) -> threading.Thread:
    """Start a daemon thread. Raises NoThreadError."""
    global _refusal  # noqa: PLW0603  # threads belong to the process, and so does their shortage

    def run() -> None:
        try:
            work()
        finally:
            _alive.discard(thread)

    thread = threading.Thread(target=run, name=name, daemon=True)
    refusal = ""
    if len(_alive) >= THREADS.value:
        THREADS.reached()
        refusal = f"{len(_alive)} threads are already waiting for files"
    else:
        _alive.add(thread)
        try:
            thread.start()
        except RuntimeError as error:  # EAGAIN of pthread_create(3)
            _alive.discard(thread)
            refusal = f"no thread: {error} (the host's limit on processes, or on memory)"
    if refusal and not _refusal:
        _log.warning("%s; reading files and saving state later, continuing", refusal)
    elif _refusal and not refusal:
        _log.info("threads can be started again")
    _refusal = refusal
    if refusal:
        raise NoThreadError(refusal)
    return thread


class DaemonThreads:
    """Daemon threads, which end with the process."""

    async def run_blocking(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await in_thread(function, *args, **kwargs)

    def start(self, work: Callable[[], None], name: str) -> None:
        start_thread(work, name)

    def run_within(self, seconds: float, work: Callable[[], None]) -> None:
        try:
            start_thread(work, getattr(work, "__name__", "work")).join(seconds)
        except NoThreadError:
            work()
