"""The names of the threads that have appeared in a trace, as the kernel has saved them.

It saves a name when the thread leaves the processor (tracing_record_taskinfo_sched_switch(),
kernel/trace/trace_sched_switch.c), so that a line of the trace that is read before has "<...>" instead. A
program that fails and ends is mostly that quick: of a hundred, ninety had no name at once, and none after
20 ms.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

SAVED_AFTER = 0.02
"""Seconds after which a name is there, but of a thread that goes on computing."""
_FILE = "saved_cmdlines"
_BOUND = Path("/run/lowatch-saved-names")
"""Where the drop-in of `lowatch setup trace` binds it: nobody but root reaches the kernel's own."""
_DIGITS = 10


def files_beside(descriptor: int) -> tuple[Path, ...]:
    """Where the names for a trace may be. descriptor: of instances/NAME/trace_pipe, in some tracefs."""
    try:
        trace = Path(f"/proc/self/fd/{descriptor}").readlink()
    except OSError:
        return (_BOUND,)
    beside = [tracefs / _FILE for tracefs in trace.parents[2:3] if tracefs.is_absolute()]
    return (*beside, _BOUND)


def saved_names(threads: Collection[int], files: Iterable[Path]) -> dict[int, str]:
    """The names that are known by now, up to 15 characters of any kind. The IDs are the trace's.

    A name may hold a line feed, and look like the name of another thread then: whoever runs a program
    chooses its name. If a thread has two, neither is returned.
    """
    found: dict[int, str] = {}
    twice = set()
    for line in _read(files).split(b"\n"):
        number, _, name = line.partition(b" ")
        if not (number.isdigit() and len(number) <= _DIGITS):
            continue
        thread = int(number)
        if thread in threads:
            if thread in found:
                twice.add(thread)
            found[thread] = name.decode("utf-8", "backslashreplace")
    return {thread: name for thread, name in found.items() if thread not in twice}


def _read(files: Iterable[Path]) -> bytes:
    """The first one that can be read; empty if none can."""
    for file in files:
        try:
            return file.read_bytes()
        except OSError:
            continue
    return b""
