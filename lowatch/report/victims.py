"""The failed connects of local clients as JSON, for `lowatch explain`. Times are Unix times.

{"schema": 1, "refused": [["192.0.2.10", "80/tcp", 41, 1795399987.0, 1795403524.0, false,
                           [["curl", 4711, "backup.service", 38]]]]}
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from lowatch.core.addresses import Port, format_address, parse_address
from lowatch.core.clock import Now
from lowatch.core.limits.kernel import REFUSED_ENDPOINTS, REFUSED_PROGRAMS
from lowatch.core.listeners import Endpoint
from lowatch.core.programs import FailedProgram, Program
from lowatch.core.victims import Refused, RefusedConnects

SCHEMA = 1
_LAST_SECOND = 253402300799  # 9999-12-31T23:59:59Z: a later time could not be displayed
_PROTOCOLS = ("tcp", "udp")


class Refusal(Protocol):
    """The failed connects of local clients to one endpoint."""

    @property
    def interface(self) -> str: ...

    @property
    def endpoint(self) -> Endpoint: ...

    @property
    def refused(self) -> Refused: ...


def render_refused(refused: Iterable[tuple[Endpoint, Refused]]) -> bytes:
    rows = [
        [
            format_address(address),
            str(port),
            one.count,
            one.first.wall,
            one.last.wall,
            one.estimated,
            [[program.name, program.pid, program.unit, times] for program, times in one.programs],
        ]
        for (address, port), one in refused
        if one.count
    ]
    return json.dumps({"schema": SCHEMA, "refused": rows}).encode("ascii")


def parse_refused(content: str) -> RefusedConnects:
    """What render_refused() made. Raises ValueError, or RecursionError (json's own)."""
    match json.loads(content):
        case {"schema": schema, "refused": list() as rows} if schema == SCHEMA:
            if len(rows) > REFUSED_ENDPOINTS.value:
                raise ValueError(f"it has more than {REFUSED_ENDPOINTS.value:,} rows")
            return RefusedConnects(_parsed(rows))
    raise ValueError(f"it does not have schema {SCHEMA}")


def _parsed(rows: list[Any]) -> Iterator[tuple[Endpoint, Refused]]:
    for row in rows:
        match row:
            case [
                str() as address,
                str() as port,
                int() as count,
                first,
                last,
                bool() as estimated,
                programs,
            ]:
                at = _time(first), _time(last)
                refused = Refused(count, *at, estimated, programs=tuple(_programs(programs)))
                yield Endpoint(parse_address(address), _port(port)), refused
            case _:
                raise ValueError(f"the row {json.dumps(row):.200} is not valid")


def _programs(rows: object) -> Iterator[FailedProgram]:
    if not isinstance(rows, list) or len(rows) > REFUSED_PROGRAMS.value:
        raise ValueError("the programs are not valid")
    for row in rows:
        match row:
            case [str() as name, int() as pid, str() | None as unit, int() as count]:
                yield FailedProgram(Program(name, pid, unit), count)
            case _:
                raise ValueError(f"the program {json.dumps(row):.200} is not valid")


def _port(text: str) -> Port:
    """As parse_port(), but 0 is a number too: that of an unknown port."""
    number, _, protocol = text.partition("/")
    if protocol not in _PROTOCOLS or not number.isdecimal() or len(number) > len("65535"):
        raise ValueError(f"the port {text:.20} is not valid")
    return Port(int(number), protocol)


def _time(wall: object) -> Now:
    if isinstance(wall, bool) or not isinstance(wall, int | float) or not 0 <= wall <= _LAST_SECOND:
        raise ValueError("a time is not valid")
    return Now(0.0, float(wall))
