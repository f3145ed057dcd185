"""Blocking work off the loop, by a thread that nobody has to wait for.

asyncio.to_thread() will not do: asyncio.run() joins its threads at the end, and a file system that hangs,
or a minute of parsing, would outlive SIGTERM. A thread of ours is a daemon thread, which ends with the
process. And where no thread can be had (pids.max of the cgroup, RLIMIT_NPROC), that is logged once, and
whoever wanted it tries again later.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import ParamSpec, TypeVar

from lowatch.core.limits import THREADS

P = ParamSpec("P")
T = TypeVar("T")


class NoThreadError(Exception):
    """No thread could be started: the host's trouble, which may pass. One line."""


_log = logging.getLogger("lowatch")

_alive: set[threading.Thread] = set()
_refusal = ""


def thread_problem() -> str:
    """Why the last thread that was wanted could not be had; "" where it could."""
    return _refusal


async def in_thread(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """What the function returns or raises. Raises NoThreadError where there is no thread for it.

    Cancelled, it leaves the thread at its work.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(set_it: Callable[[], None]) -> None:
        if not done.done():  # whoever was cancelled waits no more
            set_it()

    def work() -> None:
        try:
            set_it = partial(done.set_result, function(*args, **kwargs))
        except Exception as error:
            set_it = partial(done.set_exception, error)
        with suppress(RuntimeError):  # the loop was closed: nobody waits any more
            loop.call_soon_threadsafe(settle, set_it)

    start_thread(work, getattr(function, "__name__", "work"))
    return await done


def start_thread(work: Callable[[], None], name: str) -> threading.Thread:
    """A daemon thread that works. Raises NoThreadError."""
    global _refusal  # noqa: PLW0603  # threads are the process's, and so is their want

    def run() -> None:
        try:
            work()
        finally:
            _alive.discard(thread)

    thread = threading.Thread(target=run, name=name, daemon=True)
    refusal = ""
    if len(_alive) >= THREADS.value:
        THREADS.reached()
        refusal = f"{len(_alive)} threads wait for files already"
    else:
        _alive.add(thread)
        try:
            thread.start()
        except RuntimeError as error:  # EAGAIN of pthread_create(3), whatever the reason
            _alive.discard(thread)
            refusal = f"no thread: {error} (the host's limit on processes, or on memory)"
    if refusal and not _refusal:
        _log.warning("%s; files are read and state is saved later, continuing", refusal)
    elif _refusal and not refusal:
        _log.info("threads can be started again")
    _refusal = refusal
    if refusal:
        raise NoThreadError(refusal)
    return thread
