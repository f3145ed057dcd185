"""The programs whose connects fail, where a trace of the kernel names them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .limits.kernel import REFUSED_PROGRAMS


class Program(NamedTuple):
    """A program that failed to connect.

    name: of its thread, up to 15 characters of any kind: whoever runs it chooses it; "" if the kernel does
    not say it, or it is empty. pid: of its process, or of its thread if only that is known. unit: its
    systemd unit; None if it is unknown, or in none.
    """

    name: str
    pid: int
    unit: str | None = None

    @property
    def is_like(self) -> tuple[str, str | None]:
        """What programs of the same kind have in common."""
        return self.name, self.unit

    def __str__(self) -> str:
        """For example "curl in backup.service". Not printable."""
        name = self.name or "a program"
        return name if self.unit is None else f"{name} in {self.unit}"


class FailedProgram(NamedTuple):
    """A kind of program, by the last one. times: how many of its connects failed."""

    program: Program
    times: int


class TraceState(NamedTuple):
    """Of the trace that names programs.

    failure: why nothing is read any more; "" while it is. lost: how many events were overwritten unread.
    heard: whether there was any listener: before, nobody knows whether the kernel reports them.
    """

    failure: str = ""
    lost: int = 0
    heard: bool = False


Programs = tuple[FailedProgram, ...]
"""Each kind once, those with the most failures first."""


def with_one_more(programs: Programs, program: Program, weight: int) -> Programs:
    """It failed once, and stands for `weight`. At the limit, the rarest kind makes room for a new one."""
    return _most_first([*programs, FailedProgram(program, weight)])


def together(earlier: Programs, later: Programs) -> Programs:
    """Both. later: those that have failed last."""
    return _most_first([*earlier, *later])


def _most_first(failed: Iterable[FailedProgram]) -> Programs:
    """Each kind once, with the PID that comes last. The last one of all stays, however rare it is."""
    kinds: dict[tuple[str, str | None], FailedProgram] = {}
    for program, times in failed:
        before = kinds.pop(program.is_like, None)
        kinds[program.is_like] = FailedProgram(program, times + (before.times if before else 0))
    if len(kinds) > REFUSED_PROGRAMS.value:
        REFUSED_PROGRAMS.reached()
        *earlier, last = kinds.values()
        earlier.sort(key=lambda one: -one.times)
        kinds = {one.program.is_like: one for one in (*earlier[: REFUSED_PROGRAMS.value - 1], last)}
    return tuple(sorted(kinds.values(), key=lambda one: -one.times))
