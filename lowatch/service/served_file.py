"""Who serves and who served each endpoint, kept across a restart as JSON in $STATE_DIRECTORY.

What was served at `at` has its unit. What was served before also has when it was seen last, and whether it
was seen to end then:

    {"schema": 1, "at": 1795403527.5, "served": [
    ["192.0.2.10", "443/tcp", "nginx.service", 1795403000.0, true],
    ["192.0.2.11", "443/tcp", "haproxy.service"]
    ]}
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from lowatch.core.addresses import format_address, parse_address, parse_port
from lowatch.core.last_served import LastServed
from lowatch.core.limits.files import STATE_FILE_BYTES
from lowatch.core.limits.names import LAST_SERVED
from lowatch.core.listeners import Endpoint
from lowatch.core.served_state import ServedState

from .kept_file import KeptFile

SCHEMA = 1
_LAST_SECOND = 253402300799  # 9999-12-31T23:59:59Z: a later time could not be displayed
_COMMAS = 6
"""In a row, and after it."""


class ServedFile:
    """A ServedStore in one file, served.json. Without a directory nothing is kept."""

    def __init__(self, directory: Path | None) -> None:
        self._file = None if directory is None else KeptFile(directory / "served.json")

    def load(self) -> Mapping[Endpoint, LastServed]:
        """Who served each endpoint when that was saved last, the latest last; empty if there is nothing.

        What was served then was last seen then.
        """
        found = None if self._file is None else self._file.read(STATE_FILE_BYTES, parse_served)
        return found or {}

    def save(self, state: ServedState) -> bool:
        """Write atomically; whether the file has it now. Blocks for as long as fsync() takes."""
        return self._file is None or self._file.write(render_served(state))


def render_served(state: ServedState) -> bytes:
    """The content of the file."""
    rows = ",\n".join(_rows(state)).encode("ascii")
    return b'{"schema": %d, "at": %b, "served": [\n%b\n]}\n' % (SCHEMA, json.dumps(state.at).encode(), rows)


def _rows(state: ServedState) -> Iterator[str]:
    """Of too many, those that are served come first, and the latest of the others."""
    encoded = cache(json.dumps)
    serving = state.serving()
    gone = [one for one in state.gone.items() if one[0] not in serving]
    room = max(0, LAST_SERVED.value - len(serving))
    if len(serving) > LAST_SERVED.value or len(gone) > room:
        LAST_SERVED.reached()
    for (address, port), (unit, until, ended) in gone[max(0, len(gone) - room) :]:
        yield f'["{format_address(address)}", "{port}", {encoded(unit)}, {until!r}, {encoded(ended)}]'
    for (address, port), unit in list(serving.items())[: LAST_SERVED.value]:
        yield f'["{format_address(address)}", "{port}", {encoded(unit)}]'


def parse_served(content: bytes) -> dict[Endpoint, LastServed]:
    """What render_served() made. Raises ValueError saying what is wrong, or RecursionError (json's own)."""
    if sum(map(content.count, (b",", b"[", b"{"))) > (LAST_SERVED.value + 1) * _COMMAS:
        raise ValueError(f"it has more than {LAST_SERVED.value:,} rows")
    match json.loads(content):
        case {"schema": schema, "at": int() | float() as at, "served": list() as rows} if (
            schema == SCHEMA and _is_time(at)
        ):
            return dict(_Rows(float(at)).parsed(rows))
    raise ValueError(f"it does not have schema {SCHEMA}")


class _Rows:
    """Reads rows. Those that are alike share their port and their LastServed."""

    def __init__(self, at: float) -> None:
        self._at = at
        self._port = cache(parse_port)
        self._last = cache(LastServed)

    def parsed(self, rows: list[Any]) -> Iterator[tuple[Endpoint, LastServed]]:
        for row in rows:
            match row:
                case [str() as address, str() as port, str() | None as unit]:
                    last = self._last(unit, self._at, False)
                case [
                    str() as address,
                    str() as port,
                    str() | None as unit,
                    int() | float() as until,
                    bool() as ended,
                ] if _is_time(until):
                    last = self._last(unit, float(until), ended)
                case _:
                    raise ValueError(f"the row {json.dumps(row):.200} is not valid")
            yield Endpoint(parse_address(address), self._port(port)), last


def _is_time(at: float) -> bool:
    return not isinstance(at, bool) and 0 <= at <= _LAST_SECOND
