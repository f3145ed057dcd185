"""Keeps learned names across a restart, in learned.json: the names, and which ports they should serve."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from lowatch.config.domain_names import is_plain
from lowatch.core.addresses import parse_port
from lowatch.core.clock import Now
from lowatch.core.learned_names import LearnedName
from lowatch.core.limits.files import STATE_FILE_BYTES
from lowatch.core.limits.names import LEARNED_NAMES
from lowatch.core.name_sources import LEARNABLE, NameSource

from .kept_file import KeptFile

SCHEMA = 1
_LAST_SECOND = 253402300799  # 9999-12-31T23:59:59Z
_MARKS = 48
"""Commas and brackets of a row, at most."""

Learned = Iterable[tuple[str, LearnedName]]
"""Names, and what is known of them, as of some moment."""


class LearnedFile:
    """Without a directory nothing is kept."""

    def __init__(self, directory: Path | None, name: str = "learned.json") -> None:
        self._file = None if directory is None else KeptFile(directory / name)

    def load(self, now: Now) -> list[tuple[str, LearnedName]]:
        """What was saved last. Times that lie in the future, by the wall clock, are now."""

        def parse(content: bytes) -> list[tuple[str, LearnedName]]:
            return parse_learned(content, now)

        found = None if self._file is None else self._file.read(STATE_FILE_BYTES, parse)
        return found or []

    def save(self, content: bytes) -> bool:
        """Write atomically; whether the file has it now. Blocks for as long as fsync() takes."""
        return self._file is None or self._file.write(content)


def render_learned(names: Learned, now: Now) -> bytes:
    """The content of the file. Times are in wall-clock seconds."""
    rows = ",\n".join(_rows(names, now.wall - now.monotonic)).encode("ascii")
    return b'{"schema": %d, "names": [\n%b\n]}\n' % (SCHEMA, rows)


def _rows(names: Learned, offset: float) -> Iterator[str]:
    for name, one in names:
        refused = [[str(port), round(at + offset, 1)] for port, at in one.refused.items()]
        served = [str(port) for port in sorted(one.served)]
        yield json.dumps([name, one.source, round(one.last + offset, 1), refused, served])


def parse_learned(content: bytes, now: Now) -> list[tuple[str, LearnedName]]:
    """What render_learned() made. Raises ValueError saying what is wrong, or json's RecursionError."""
    if sum(map(content.count, (b",", b"[", b"{"))) > (LEARNED_NAMES.value + 1) * _MARKS:
        raise ValueError(f"it has more than {LEARNED_NAMES.value:,} rows")
    match json.loads(content):
        case {"schema": schema, "names": list() as rows} if schema == SCHEMA:
            return list(_parsed(rows, now))
    raise ValueError(f"it does not have schema {SCHEMA}")


def _parsed(rows: list[Any], now: Now) -> Iterator[tuple[str, LearnedName]]:
    port_of = cache(parse_port)

    def at(wall: float) -> float:
        return now.monotonic - max(0.0, now.wall - wall)

    for row in rows:
        match row:
            case [
                str() as name,
                str() as source,
                int() | float() as last,
                list() as refused,
                list() as served,
            ] if (
                is_plain(name)
                and source in LEARNABLE
                and _is_time(last)
                and all(isinstance(one, str) for one in served)
                and all(map(_is_refused, refused))
            ):
                yield (
                    name,
                    LearnedName(
                        NameSource(source),
                        at(last),
                        {port_of(port): at(wall) for port, wall in refused},
                        frozenset(map(port_of, served)),
                    ),
                )
            case _:
                raise ValueError(f"the row {json.dumps(row):.200} is not valid")


def _is_refused(row: object) -> bool:
    match row:
        case [str(), int() | float() as wall]:
            return _is_time(wall)
    return False


def _is_time(at: float) -> bool:
    return not isinstance(at, bool) and 0 <= at <= _LAST_SECOND
