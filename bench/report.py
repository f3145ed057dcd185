"""What is printed: a line while it is fresh, and the table of all targets in the end."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from .stats import Summary


class Row(NamedTuple):
    """One line of the table. met: None where the figure is for information and has no target."""

    what: str
    figure: str
    target: str = ""
    met: bool | None = None

    @property
    def verdict(self) -> str:
        return {True: "met", False: "NOT met", None: ""}[self.met]


def at_most(what: str, value: float, limit: float, form: str) -> Row:
    """A target that is an upper limit. form: how a value reads, such as "{:.1f} ms"."""
    return Row(what, form.format(value), f"<= {form.format(limit)}", value <= limit)


def title(text: str) -> None:
    print(f"\n{text}", flush=True)


def line(what: str, figure: str) -> None:
    print(f"  {what:<52} {figure}", flush=True)


def milliseconds(summary: Summary) -> str:
    """Of a summary in seconds: its median, and its range."""
    return (
        f"{summary.median * 1e3:8.1f} ms   "
        f"({summary.least * 1e3:.1f} to {summary.most * 1e3:.1f}, {summary.size} runs)"
    )


def table(rows: Sequence[Row]) -> str:
    cells = [("", "figure", "target", "verdict"), *[(r.what, r.figure, r.target, r.verdict) for r in rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    return "\n".join(
        f"{what:<{widths[0]}}  {figure:>{widths[1]}}  {target:>{widths[2]}}  {verdict}".rstrip()
        for what, figure, target, verdict in cells
    )


def machine() -> str:
    model = _field(Path("/proc/cpuinfo").read_text().splitlines(), "model name")
    return (
        f"{os.cpu_count()} cores ({model or platform.machine()}), Linux {platform.release()}, "
        f"Python {platform.python_version()}"
    )


def load() -> str:
    """How busy the machine is with everything, this included."""
    return " ".join(f"{average:.2f}" for average in os.getloadavg())


def _field(lines: Iterable[str], name: str) -> str:
    found = (line.partition(":") for line in lines)
    return next((value.strip() for key, _, value in found if key.strip() == name), "")
