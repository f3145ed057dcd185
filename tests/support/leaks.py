"""Fails any test that leaves a process, thread, descriptor, namespace or mount behind.

(Tasks are the business of `run_async`; a loop that was not closed shows by its descriptors.)
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>
_PATIENCE = 1.0


class Belongings(NamedTuple):
    """What this process has at one moment. descriptors: "number -> target"."""

    children: frozenset[int]
    threads: frozenset[threading.Thread]
    descriptors: frozenset[str]
    namespace: str
    mounts: frozenset[str]

    @classmethod
    def now(cls) -> Belongings:
        return cls(
            children=frozenset(_children()),
            threads=frozenset(threading.enumerate()),
            descriptors=frozenset(_descriptors()),
            namespace=str(Path("/proc/thread-self/ns/net").readlink()),
            mounts=frozenset(Path("/proc/self/mountinfo").read_text().splitlines()),
        )

    def left_since(self, before: Belongings) -> list[str]:
        """One line for each thing that is here now and was not before."""
        lines = [_describe_child(pid) for pid in sorted(self.children - before.children)]
        lines += [f"thread {thread.name}" for thread in self.threads - before.threads]
        lines += [f"descriptor {each}" for each in sorted(self.descriptors - before.descriptors)]
        lines += [f"mount {each}" for each in sorted(self.mounts - before.mounts)]
        lines += [f"mount gone {each}" for each in sorted(before.mounts - self.mounts)]
        if self.namespace != before.namespace:
            lines.append(f"the thread is in {self.namespace} and was in {before.namespace}")
        return lines


def _children() -> Iterator[int]:
    for task in Path("/proc/self/task").iterdir():
        try:
            listed = (task / "children").read_text()
        except (FileNotFoundError, ProcessLookupError):  # a C thread that ended meanwhile
            continue
        yield from map(int, listed.split())


def _describe_child(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        words = []
    command = b" ".join(words).decode(errors="replace").strip()
    return f"process {pid}: {command or 'ended, but nobody waited for it'}"


def _descriptors() -> Iterator[str]:
    for entry in Path("/proc/self/fd").iterdir():
        try:
            yield f"{entry.name} -> {entry.readlink()}"
        except FileNotFoundError:  # the listing's own
            continue


def _end(children: frozenset[int]) -> None:
    """End what a failed test left running, so that the next one is not blamed for it."""
    for pid in children:
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            continue


def pytest_configure() -> None:
    # Grandchildren whose parent ended become our children, and so are seen.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # A shell without job control, as in .ci/run, starts what runs in the background with SIGINT ignored.
    # All children would inherit that, and not end by Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    before = Belongings.now()
    yield
    after = Belongings.now()
    if after == before:
        return
    for thread in after.threads - before.threads:
        thread.join(_PATIENCE)  # it has handed over its result, and is about to end
    gc.collect()  # what only a reference cycle holds raises its own ResourceWarning
    after = Belongings.now()
    left = after.left_since(before)
    _end(after.children - before.children)
    if left:
        pytest.fail("the test left behind:\n  " + "\n  ".join(left), pytrace=False)
