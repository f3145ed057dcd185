"""Lays out lines for a terminal: colours, wrapped paragraphs, tables."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

NARROWEST = 24
"""The smallest width of a paragraph: a line that is too long is better than a column of single words."""
_GUTTER = "  "


class Style(StrEnum):
    """The parameters of an SGR sequence (ECMA-48, 8.3.117)."""

    PLAIN = ""
    BOLD = "1"
    DIM = "2"
    RED = "1;31"
    GREEN = "1;32"
    YELLOW = "1;33"
    CYAN = "1;36"


class Cell(NamedTuple):
    """A text and its style."""

    text: str
    style: Style = Style.PLAIN


@dataclass(frozen=True, slots=True)
class Screen:
    """A terminal. width: columns, which only text that cannot be broken (a long name) exceeds."""

    colour: bool
    width: int

    def paint(self, text: str, style: Style) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self.colour and style and text else text

    def paragraph(self, text: str, style: Style = Style.PLAIN) -> list[str]:
        """A text wrapped at spaces to the width."""
        return [self.paint(line, style) for line in _wrap(text, self.width)]

    def entry(self, label: Cell, text: str, *, column: int, indent: int = 0) -> list[str]:
        """A label, and a paragraph beside it that starts at `column` on every line."""
        head = " " * indent + self.paint(label.text, label.style)
        gap = " " * max(1, column - indent - len(label.text))
        first, *rest = _wrap(text, self.width - column) or [""]
        return [f"{head}{gap}{first}".rstrip(), *(" " * column + line for line in rest)]

    def table(self, rows: Sequence[Sequence[Cell]], *, indent: int = 0) -> list[list[str]]:
        """The lines of each row, with aligned columns; the last column is wrapped."""
        widths = _column_widths(rows)[:-1]
        return [self._row(row, widths, indent) for row in rows]

    def _row(self, row: Sequence[Cell], widths: Sequence[int], indent: int) -> list[str]:
        *cells, last = row
        line = " " * indent
        for cell, width in zip(cells, widths, strict=True):
            line += self.paint(cell.text, cell.style) + " " * (width - len(cell.text)) + _GUTTER
        column = indent + sum(widths) + len(_GUTTER) * len(widths)
        first, *rest = _wrap(last.text, self.width - column) or [""]
        return [
            (line + self.paint(first, last.style)).rstrip(),
            *(" " * column + self.paint(more, last.style) for more in rest),
        ]


def narrowest_table(rows: Sequence[Sequence[Cell]]) -> int:
    """The smallest width that a table needs, if its last column is wrapped."""
    *widths, last = _column_widths(rows)
    return sum(widths) + len(_GUTTER) * len(widths) + min(last, NARROWEST)


def _column_widths(rows: Sequence[Sequence[Cell]]) -> list[int]:
    return [max(len(cell.text) for cell in column) for column in zip(*rows, strict=True)]


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(width, NARROWEST), break_long_words=False, break_on_hyphens=False)
