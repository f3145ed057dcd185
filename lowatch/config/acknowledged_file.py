"""The file in lowatch.d that `lowatch ack` writes: [[acknowledge]] tables, and a first line that says so.

A file without that line was written by somebody else, and is not rewritten.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from lowatch.core.policy import Acknowledgement

from .document import Document, read_document
from .errors import ConfigError, ConfigErrors
from .load import beside
from .schema import SCHEMA
from .show import acknowledgement_lines
from .table_reader import TableReader

NAME = "acknowledged.toml"
_FIRST_LINE = "# Written by `lowatch ack`, which rewrites this file: use that, or another file."


class Entry(NamedTuple):
    """One [[acknowledge]]. until: as it is written, a date or a date-time with an offset."""

    acknowledgement: Acknowledgement
    until: date

    @property
    def matchers(self) -> dict[str, str]:
        return self.acknowledgement.matchers


def acknowledged_path(config: Path | None) -> Path:
    """The file beside a configuration. config: as for load()."""
    return beside(config) / NAME


def read_entries(path: Path) -> list[Entry]:
    """The entries of the file; none if it does not exist. Raises ConfigErrors."""
    if not path.exists():
        return []
    document = read_document(path)
    if not document.text.startswith(_FIRST_LINE):
        message = "was not written by `lowatch ack` (give it another name, which ends in .toml too)"
        raise ConfigErrors([ConfigError(path, 1, "", message)])
    reader = TableReader({"acknowledge": SCHEMA["acknowledge"]})
    tables = reader.document(document).values.get("acknowledge", ())
    if reader.errors:
        raise ConfigErrors(reader.errors)
    rows = document.table.get("acknowledge", ())
    return [
        Entry(Acknowledgement(**table.values), row["until"])
        for table, row in zip(tables, rows, strict=True)
    ]


def document_of(path: Path, entries: Iterable[Entry]) -> Document:
    """The file that has these entries. Its text loads as them."""
    text = _render(list(entries))
    return Document(path, text, tomllib.loads(text))


def _render(entries: Sequence[Entry]) -> str:
    parts = [[_FIRST_LINE], *(acknowledgement_lines(*entry) for entry in entries)]
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"
