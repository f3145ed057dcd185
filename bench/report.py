"""Prints a line for each figure at once, and a table of all targets at the end."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from .stats import Summary

NOISE = 0.2
TAIL_NOISE = 0.6
"""How much medians and p99s differ between runs of the same code, as a share of the figure."""


class Row(NamedTuple):
    """One line of the table.

    what: begins with the letter of its benchmark, "(a) ...".
    figure: a number, and its unit if it has one. The number is compared with the last figures.
    met: None if the figure has no target.
    more: whether a higher figure is better.
    noise: the share of the figure by which runs of the same code differ.
    """

    what: str
    figure: str
    target: str = ""
    met: bool | None = None
    more: bool = False
    noise: float = NOISE

    @property
    def verdict(self) -> str:
        return {True: "met", False: "NOT met", None: ""}[self.met]


def at_most(what: str, value: float, limit: float, form: str, noise: float = NOISE) -> Row:
    """A target that is an upper limit. form: how a value reads, such as "{:.1f} ms"."""
    return Row(what, form.format(value), f"<= {form.format(limit)}", value <= limit, noise=noise)


def at_least(what: str, value: float, limit: float, form: str, noise: float = NOISE) -> Row:
    """A target that is a lower limit."""
    figure, target = form.format(value), f">= {form.format(limit)}"
    return Row(what, figure, target, value >= limit, more=True, noise=noise)


def title(text: str) -> None:
    print(f"\n{text}", flush=True)


def line(what: str, figure: str) -> None:
    print(f"  {what:<52} {figure}".rstrip(), flush=True)


def milliseconds(summary: Summary) -> str:
    """The median and range of a summary in seconds."""
    return (
        f"{summary.median * 1e3:8.1f} ms   "
        f"({summary.least * 1e3:.1f} to {summary.most * 1e3:.1f}, {summary.size} runs)"
    )


def table(rows: Sequence[Row], changes: Sequence[str]) -> str:
    """changes: one for each row, since the last figures; see figures.change()."""
    cells = [("", "figure", "target", "verdict", "change")]
    cells += [
        (row.what, row.figure, row.target, row.verdict, change)
        for row, change in zip(rows, changes, strict=True)
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(5)]
    form = "  ".join(f"{{:{side}{width}}}" for side, width in zip("<>><<", widths, strict=True))
    return "\n".join(form.format(*row).rstrip() for row in cells)


def machine() -> str:
    model = _field(Path("/proc/cpuinfo").read_text().splitlines(), "model name")
    return (
        f"{os.cpu_count()} cores ({model or platform.machine()}), Linux {platform.release()}, "
        f"Python {platform.python_version()}"
    )


def load() -> str:
    """The load average of the machine, including this process."""
    return " ".join(f"{average:.2f}" for average in os.getloadavg())


def _field(lines: Iterable[str], name: str) -> str:
    found = (line.partition(":") for line in lines)
    return next((value.strip() for key, _, value in found if key.strip() == name), "")
