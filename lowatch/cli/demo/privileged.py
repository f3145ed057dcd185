"""What root's demo adds: a systemd unit's cgroup, and a trace of the kernel, both removed in any case.

Both are the whole host's, unlike all else of the demo: they are named after this process, and a child that
outlives it removes them.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from lowatch.cli.setup.trace import WRITTEN
from lowatch.kernel.cgroups import ROOTS, root_of

from . import stage

# Both are busy until the demo's processes have ended, which takes a moment after a kill -9.
_REMOVE = """
trap '' INT TERM HUP
read -r _
for directory; do
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        rmdir "$directory" 2>/dev/null && break
        [ -d "$directory" ] || break
        sleep 0.1
    done
done
"""


@contextmanager
def removed_in_any_case(directories: Sequence[Path]) -> Iterator[None]:
    """A context at whose end the directories are removed, in order; also if this process is killed."""
    command = ["sh", "-c", _REMOVE, "sh", *map(str, directories)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,
    ):
        yield


@contextmanager
def unit(name: str) -> Iterator[Sequence[str]]:
    """A context with the command prefix that starts a program in a unit's cgroup; none where that fails."""
    root = root_of(ROOTS)
    if root is None:
        yield ()
        return
    parent = root / f"lowatch-demo-{os.getpid()}.slice"
    made = parent / name
    try:
        made.mkdir(parents=True)
    except OSError:
        with suppress(OSError):
            parent.rmdir()
        yield ()
        return
    with removed_in_any_case([made, parent]):
        yield ("sh", "-c", 'echo $$ >"$0" && exec "$@"', str(made / "cgroup.procs"))


@contextmanager
def trace() -> Iterator[int | None]:
    """A context with trace_pipe, as `lowatch setup trace` prepares it; None where there is no tracefs."""
    mounted = Path("/run/lowatch-demo-trace")
    mounted.mkdir()
    made = mounted / "instances" / f"lowatch-demo-{os.getpid()}"
    try:
        stage.mount("lowatch-demo", str(mounted), "tracefs")
        made.mkdir()
    except (stage.DemoError, OSError):
        yield None
        return
    with removed_in_any_case([made]):
        for file, value in WRITTEN:
            (made / file).write_text(value)
        descriptor = os.open(made / "trace_pipe", os.O_RDONLY)
        try:
            yield descriptor
        finally:
            os.close(descriptor)
