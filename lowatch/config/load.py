"""From files to an effective configuration: read each, merge them in order, check them as one.

Nothing here acts on the configuration: loading reads files, and does nothing else.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lowatch.config.domains_from.read import read_names

from .document import drop_ins, read_document
from .errors import ConfigError, ConfigErrors
from .merge import effective
from .schema import SCHEMA
from .settings import Config
from .table_reader import TableReader

DEFAULT_PATH = Path("/etc/lowatch/lowatch.toml")


def load(path: Path | None = None, wall: float | None = None) -> Config:
    """The effective configuration of a file and the lowatch.d/*.toml beside it.

    wall: the time by the clock, in seconds, for hints at what is over; None for no hints.
    path: None for DEFAULT_PATH, which need not exist. Raises ConfigErrors with every mistake; those in
    the files of [[domains_from]] are the result's `problems` instead.
    """
    reader = TableReader(SCHEMA)
    errors = reader.errors
    files = _files(path, errors)
    tables = []
    for file in files:
        try:
            tables.append(reader.document(read_document(file, pipe=file == path)))
        except ConfigErrors as rejected:
            errors += rejected.errors
    config = effective(tables, errors, wall)
    if errors:
        in_order = sorted(errors, key=lambda error: _position(error, files))
        if errors.more:
            in_order.append(ConfigError(in_order[-1].file, None, "", f"and {errors.more:,} more errors"))
        raise ConfigErrors(in_order)
    return read_names(replace(config, files=tuple(files)))


def _files(path: Path | None, errors: list[ConfigError]) -> list[Path]:
    main = path or DEFAULT_PATH
    files = [main] if path is not None or _stands(main) else []
    try:
        files += drop_ins(main)
    except ConfigErrors as rejected:
        errors += rejected.errors
    return files


def _stands(path: Path) -> bool:
    """Whether there is something, if only a thing that reading will have to complain of."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _position(error: ConfigError, files: list[Path]) -> tuple[int, int]:
    """By file, in the order they are read, then by line; what has no line comes first."""
    file = files.index(error.file) if error.file in files else len(files)
    return file, error.line or 0
