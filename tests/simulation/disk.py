"""Simulates the state directory and the threads that write it: full, slow, hanging, or killed."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from lowatch.core.lifecycle import Tracked
from lowatch.files.threads import NoThreadError
from lowatch.service import intents, kept_file
from lowatch.service.state_file import StateFile

from .faults import Faults
from .loop import VirtualLoop

P = ParamSpec("P")
T = TypeVar("T")

_THREAD_STARTS = 0.0003


class Disk:
    """directory: the state directory of the daemon that runs now.

    touched: called before and after each write, where a kill may come. saved_at: the loop time of the state
    that was saved last.
    """

    def __init__(self, base: Path, loop: VirtualLoop, faults: Faults) -> None:
        self._base = base
        self._loop = loop
        self._faults = faults
        self.process = 0
        """The number of the process that writes here."""
        self.directory = base / "state-0"
        self.directory.mkdir(parents=True)
        self.saved_at = float("-inf")
        self.work_began = 0.0
        self.frozen = False
        self.touched: Callable[[], None] = lambda: None
        self._next: Path | None = None

    def freeze(self) -> None:
        """The process has ended. The next one does not see what this one still writes."""
        if not self.frozen:
            self.frozen = True
            self.process += 1
            self._next = self._base / f"state-{self.process}"
            shutil.copytree(self.directory, self._next)

    def thaw(self) -> None:
        """A new process begins with the files that the last one left."""
        if self._next is not None:
            shutil.rmtree(self.directory)
            self.directory, self._next = self._next, None
        self.frozen = False

    def fail_if_full(self) -> None:
        if self._faults.has("disk full"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def hangs_until(self) -> float:
        """The loop time at which a hanging disk continues; now if it does not hang."""
        return max(self._faults.until("disk hangs"), self._loop.time())

    def delay(self) -> float:
        """Seconds that a thread takes to write."""
        slow = self._faults.amount("slow disk")
        return _THREAD_STARTS + (slow * self._faults.random.random() if slow else 0.0)

    @property
    def has_threads(self) -> bool:
        return not self._faults.has("no threads")

    @property
    def hangs(self) -> bool:
        return self._faults.has("disk hangs")


class SimulatedStore(StateFile):
    """The real state file, in the directory of the disk."""

    def __init__(self, disk: Disk) -> None:
        super().__init__(disk.directory)
        self._disk = disk

    def save(self, tracked: Mapping[str, Tracked], generation: int = 0) -> bool:
        saved = super().save(tracked, generation)
        if saved and not self._disk.frozen:
            self._disk.saved_at = self._disk.work_began
        return saved


class SimulatedThreads:
    """Implements files.threads.Threads. The loop does the work later, in place of a thread."""

    def __init__(self, disk: Disk, loop: VirtualLoop) -> None:
        self._disk = disk
        self._loop = loop
        self._process = disk.process

    async def run_blocking(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        done: asyncio.Future[T] = self._loop.create_future()

        def work() -> None:
            result = function(*args, **kwargs)
            if not done.done():
                done.set_result(result)

        self.start(work, "")
        return await done

    def start(self, work: Callable[[], None], name: str) -> None:
        if not self._disk.has_threads:
            raise NoThreadError("no thread: can't start new thread")
        at = self._disk.hangs_until() + self._disk.delay()
        self._loop.call_at(at, self._run, work, self._loop.time())

    def _run(self, work: Callable[[], None], began: float) -> None:
        """Does the work, unless the process has ended."""
        if not self._disk.frozen and self._process == self._disk.process:
            self._disk.work_began = began
            work()

    def run_within(self, seconds: float, work: Callable[[], None]) -> None:
        """Does the work at once. If the disk hangs, the caller gives up, so nothing is done."""
        if not self._disk.hangs:
            self._run(work, self._loop.time())


class _FaultyOs:
    """Stands for the module `os` in service/intents.py, which writes down what is about to be sent."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, *args: Any) -> int:
        self._disk.fail_if_full()
        return os.open(*args)

    def write(self, descriptor: int, data: bytes) -> int:
        self._disk.touched()
        written = os.write(descriptor, data)
        self._disk.touched()
        return written


@contextmanager
def installed(disk: Disk) -> Iterator[None]:
    """Makes everything that writes state use this disk, and fail like it."""
    real_replace = kept_file.replace_file

    def replace(path: Path, content: bytes) -> None:
        disk.fail_if_full()
        disk.touched()
        real_replace(path, content)
        disk.touched()

    before = intents.os
    kept_file.replace_file, intents.os = replace, _FaultyOs(disk)  # type: ignore[assignment]
    try:
        yield
    finally:
        kept_file.replace_file, intents.os = real_replace, before
