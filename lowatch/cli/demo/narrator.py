"""Prints the demo's story: numbered scenes, with the commands and observations of each."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Iterable, Mapping
from typing import TextIO

from lowatch.report.text.screen import Cell, Screen, Style

_INDENT = 3
_REMARK_COLUMN = 50
_WIDEST = 100


class Narrator:
    """Prints each line at once, so that the reader sees things when they happen.

    terminal: whether to wrap lines that do not fit.
    """

    def __init__(self, out: TextIO, screen: Screen, *, terminal: bool) -> None:
        self._terminal = terminal
        self._out = out
        self._screen = screen
        self._scenes = 0

    def title(self, text: str) -> None:
        self._print_all(self._screen.paragraph(text))

    def scene(self, text: str) -> None:
        self._scenes += 1
        number = Cell(f"{self._scenes}.", Style.BOLD)
        self._print_all(["", *self._screen.entry(number, text, column=_INDENT)])

    def end(self, text: str) -> None:
        self._print_all(["", *self._screen.paragraph(text)])

    def seen(self, text: str, remark: str = "", style: Style = Style.PLAIN) -> None:
        """A command or an observation.

        The remark is in a column of its own, or below if it does not fit.
        """
        *above, last = _fitted(text, self._screen.width - _INDENT) if self._terminal else [text]
        for line in above:
            self._print(" " * _INDENT + self._screen.paint(line, style))
        line = " " * _INDENT + self._screen.paint(last, style)
        if remark:
            gap = max(2, _REMARK_COLUMN - _INDENT - len(last))
            if self._terminal and _INDENT + len(last) + gap + len(remark) > self._screen.width:
                self._print(line)
                line, gap = "", max(_INDENT, self._screen.width - len(remark))
            line += " " * gap + self._screen.paint(remark, Style.DIM)
        self._print(line)

    @property
    def quoted_width(self) -> int:
        """The columns available for another command's output."""
        return self._screen.width - _INDENT if self._terminal else _WIDEST

    def quoted(self, text: str) -> None:
        """Another command's output."""
        for line in text.splitlines():
            self._print(f"{' ' * _INDENT}{line}".rstrip())

    def entry(self, fields: Mapping[str, str], style: Style) -> None:
        """A journal entry: its message, and its fields except those with spaces, which repeat it."""
        short = {name: value for name, value in fields.items() if value and " " not in value}
        rest = " ".join(f"{name}={value}" for name, value in short.items())
        column = _INDENT + len("MESSAGE ")
        message = Cell("MESSAGE", style)
        self._print_all(self._screen.entry(message, fields["MESSAGE"], column=column, indent=_INDENT))
        self._print_all(self._screen.entry(Cell(""), rest, column=column))

    def _print_all(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._print(line)

    def _print(self, line: str) -> None:
        print(line, file=self._out, flush=True)


def _fitted(text: str, width: int) -> list[str]:
    """A metric series, which has no spaces, wrapped after commas to the width."""
    lines = [""]
    for part in re.split("(?<=,)", text):
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("    ")
        lines[-1] += part
    return lines


def stdout_narrator() -> Narrator:
    """A narrator on stdout, with colours on a terminal unless NO_COLOR (https://no-color.org) is set."""
    terminal = sys.stdout.isatty()
    colour = terminal and not os.environ.get("NO_COLOR")
    width = min(shutil.get_terminal_size(fallback=(_WIDEST, 24)).columns, _WIDEST)
    return Narrator(sys.stdout, Screen(colour, width if terminal else _WIDEST), terminal=terminal)


def since(started: float) -> str:
    """The time since a value of time.monotonic(), for example "2.1 ms" or "1.04 s"."""
    elapsed = time.monotonic() - started
    return f"{elapsed * 1000:.1f} ms" if elapsed < 1 else f"{elapsed:.2f} s"
