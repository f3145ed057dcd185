"""The undo script: a shell script of `ip` commands, and in its comments what `lowatch clean --undo` reads.

#!/bin/sh
# ...
#: {"schema": 1, "host": "web1", "boot": "...", "netns": 4026531840, "made_at": 1795403527.5}
#: {"was": "kept", "interface": "lo", "address": "127.0.0.1", "prefixlen": 8, "scope": 254, ...}
#: {"was": "removed", "interface": "lo", "address": "192.0.2.10", "prefixlen": 32, ...}
#: {"entries": 2}
ip address replace 192.0.2.10/32 dev lo ...
"""

from __future__ import annotations

import json
from typing import Any, get_args
from zlib import crc32

from lowatch.core.addresses import Prefix, format_address, host_length, parse_address, parse_prefix
from lowatch.core.printable import printable
from lowatch.core.words import rfc3339

from .rows import AddressRow, RouteRow
from .shell_lines import shell_lines
from .undo import Entry, Undo, Was

SCHEMA = 1
_DATA = "#: "
_LONGEST_NAME = 15
_BITS = {"prefixlen": 8, "scope": 8, "protocol": 8, "kind": 8, "tos": 8, "preference": 8, "netns": 64}
_NOT_IN_NAMES = set("/ \t\r\n\v\f\0")


class UndoScriptError(Exception):
    """One line: what is wrong with a script."""


def render(undo: Undo) -> str:
    """The script."""
    when = rfc3339(undo.made_at)
    head = {"schema": SCHEMA, **{name: getattr(undo, name) for name in Undo._fields if name != "entries"}}
    rows = [json.dumps(one) for one in (head, *map(_encoded, undo.entries))]
    lines = [
        "#!/bin/sh",
        f"# Undoes what `lowatch clean --apply` did on {printable(undo.host)} at {when}.",
        "# `lowatch clean --undo FILE` reads the lines that begin with #: and restores the order of the",
        "# addresses, too. Run as a script it needs root, and complains about what is there already.",
        *(f"{_DATA}{one}" for one in (*rows, json.dumps(_end(rows)))),
        *shell_lines(undo.entries),
    ]
    return "\n".join(lines) + "\n"


def parse(content: bytes) -> Undo:
    """The script's data. Raises UndoScriptError; also if it is not exactly what was written."""
    try:
        text = content.decode("ascii")
        rows = [line[len(_DATA) :] for line in text.splitlines() if line.startswith(_DATA)]
        undo = _decoded(rows)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError):
        raise UndoScriptError("is not an undo script of lowatch, or is damaged") from None
    if render(undo) != text:
        raise UndoScriptError("was changed after it was written")
    return undo


def _encoded(entry: Entry) -> dict[str, Any]:
    """The fields that differ from the defaults."""
    row = entry.row
    defaults = type(row)._field_defaults
    found = {
        name: _plain(value)
        for name, value in zip(row._fields, row, strict=True)
        if name not in defaults or value != defaults[name]
    }
    return {"was": entry.was, **found}


def _plain(value: Any) -> Any:
    if isinstance(value, Prefix):
        return str(value)
    return format_address(value) if isinstance(value, bytes) else value  # type: ignore[arg-type]


def _end(rows: list[str]) -> dict[str, int]:
    """What the last line has to be, so that a damaged script is not believed."""
    return {"entries": len(rows) - 1, "crc32": crc32("\n".join(rows).encode())}


def _decoded(rows: list[str]) -> Undo:
    if json.loads(rows[-1]) != _end(rows[:-1]):
        raise ValueError("damaged")
    head, *entries = map(json.loads, rows[:-1])
    if head.pop("schema") != SCHEMA or set(head) != set(Undo._fields[:-1]):
        raise ValueError("another schema")
    texts = all(isinstance(head[name], str) for name in ("host", "boot"))
    if not texts or not isinstance(head["made_at"], float) or not 0 <= head["made_at"] < 253402300800:
        raise ValueError("a head of other types")
    _number("netns", head["netns"])
    return Undo(**head, entries=tuple(map(_entry, entries)))


def _entry(raw: dict[str, Any]) -> Entry:
    was = raw.pop("was")
    if was not in get_args(Was):
        raise ValueError(was)
    if "address" in raw:
        return Entry(
            was, _address(AddressRow(**{name: _field(name, value) for name, value in raw.items()}))
        )
    return Entry(was, _route(RouteRow(**{name: _field(name, value) for name, value in raw.items()})))


def _field(name: str, value: Any) -> Any:
    match name:
        case "interface" | "label":
            if (
                not isinstance(value, str)
                or len(value.encode()) > _LONGEST_NAME
                or _NOT_IN_NAMES & set(value)
            ):
                raise ValueError(value)
            return value
        case "address" | "peer" | "broadcast" | "source" | "gateway":
            return parse_address(_text(value))
        case "prefix":
            return parse_prefix(_text(value))
        case "metrics":
            return tuple((_text(key), _number(name, number)) for key, number in value)
        case "others":
            return tuple((_text(key), _text(text)) for key, text in value)
    return _number(name, value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _number(name: str, value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << _BITS.get(name, 32):
        raise ValueError(value)
    return value


def _address(row: AddressRow) -> AddressRow:
    families = {len(one) for one in (row.address, row.peer, row.broadcast) if one is not None}
    if len(families) != 1 or row.prefixlen > host_length(row.address) or not row.interface:
        raise ValueError(row)
    return row


def _route(row: RouteRow) -> RouteRow:
    families = {len(one) for one in (row.prefix.address, row.source, row.gateway) if one is not None}
    if len(families) != 1:
        raise ValueError(row)
    return row
