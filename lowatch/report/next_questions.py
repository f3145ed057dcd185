"""When a name is asked for next as JSON, for `lowatch explain`.

{"schema": 1, "next": [["A", 2541.2, "far"], ["AAAA", 12.0, "ttl"]]}
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from lowatch.core.next_questions import NextQuestion, Pace

SCHEMA = 1
_RRTYPES = ("A", "AAAA", "SRV")
_LONGEST = 1e9


def render_next(questions: Iterable[NextQuestion]) -> bytes:
    rows = [[one.rrtype, round(one.seconds, 3), one.pace] for one in questions]
    return json.dumps({"schema": SCHEMA, "next": rows}).encode("ascii")


def parse_next(content: str) -> tuple[NextQuestion, ...]:
    """What render_next() made. Raises ValueError, or RecursionError (json's own)."""
    match json.loads(content):
        case {"schema": schema, "next": list() as rows} if schema == SCHEMA and len(rows) <= len(_RRTYPES):
            return tuple(map(_parsed, rows))
    raise ValueError(f"it does not have schema {SCHEMA}")


def _parsed(row: Any) -> NextQuestion:
    match row:
        case [str() as rrtype, int() | float() as seconds, str() as pace] if rrtype in _RRTYPES:
            if 0 <= seconds <= _LONGEST:
                return NextQuestion(rrtype, float(seconds), Pace(pace))
    raise ValueError(f"the row {json.dumps(row):.200} is not valid")
