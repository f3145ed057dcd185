"""The names of the threads that have appeared in a trace, as the kernel has saved them.

It saves a name when the thread leaves the processor (tracing_record_taskinfo_sched_switch(),
kernel/trace/trace_sched_switch.c), so that a line of the trace that is read before has "<...>" instead. A
program that fails and ends is mostly that quick: of a hundred, ninety had no name at once, and all had one
after 20 ms. A thread that goes on computing gets its name later, if ever.

The kernel keeps 128 names, and about 6,000 since Linux 6.8: the last ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

_FILE = "saved_cmdlines"
_MAX_NAME = 15  # TASK_COMM_LEN, but for its NUL
BOUND = Path("/run/lowatch-saved-names")
"""Where the drop-in of `lowatch setup trace` binds it: nobody but root reaches the kernel's own."""


def files_beside(descriptor: int) -> tuple[Path, ...]:
    """Where the names for a trace may be. descriptor: of instances/NAME/trace_pipe, in some tracefs."""
    try:
        trace = Path(f"/proc/self/fd/{descriptor}").readlink()
    except OSError:
        return (BOUND,)
    beside = [tracefs / _FILE for tracefs in trace.parents[2:3] if tracefs.is_absolute()]
    return (*beside, BOUND)


def saved_names(threads: Collection[int], files: Iterable[Path]) -> dict[int, str]:
    """The names that are known by now, up to 15 characters of any kind. The IDs are the trace's.

    Whoever runs a program chooses its name: it may hold a line feed, and look like the line of another
    thread. If a thread has two lines, it has no name here; one that has none of its own may be given one.
    """
    lines = b"\n" + _read(files)
    found = {}
    for thread in threads:
        _, *after = lines.split(b"\n%d " % thread, 2)
        if len(after) == 1:
            name = after[0][:_MAX_NAME].partition(b"\n")[0]
            found[thread] = name.decode("utf-8", "backslashreplace")
    return found


def _read(files: Iterable[Path]) -> bytes:
    """The first one that can be read; empty if none can."""
    for file in files:
        try:
            return file.read_bytes()
        except OSError:
            continue
    return b""
