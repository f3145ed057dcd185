"""`lowatch history`: a line, or a row of JSON, for each time that a finding fired. Newest first."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator

from lowatch.core.elapsed import rfc3339
from lowatch.core.printable import printable

from .history import Occurrence
from .phrases import count, duration

SCHEMA = 1
_NO_END = "-"


def text_lines(found: Iterable[Occurrence]) -> Iterator[str]:
    """A heading and a line for each, as they come; nothing where there is none."""
    number = 0
    for number, one in enumerate(found, 1):
        if number == 1:
            yield _columns("SINCE", "UNTIL", "LASTED", "SEVERITY", "KIND", "WHERE")
        until = _NO_END if one.until is None else rfc3339(one.until)
        lasted = _NO_END if one.lasted is None else duration(one.lasted)
        kind, severity = printable(one.kind), printable(one.severity)
        yield _columns(rfc3339(one.since), until, lasted, severity, kind, _where(one))


def last_line(number: int, endless: int) -> str:
    """endless: of how many no end is recorded."""
    if not number:
        return "Nothing fired, as far as the journal goes."
    if not endless:
        return count(number, "occurrence")
    return f"{count(number, 'occurrence')}, of which {endless:,} had not ended (-)"


def json_lines(found: Iterable[Occurrence], complete: Callable[[], bool]) -> Iterator[str]:
    """An object in pieces: {"schema": 1, "occurrences": [one row on each line], "complete": true}."""
    yield f'{{\n"schema": {SCHEMA},\n"occurrences": ['
    before = None
    for one in found:
        if before is not None:
            yield before + ","
        before = json.dumps(_row(one))
    if before is not None:
        yield before
    yield f'],\n"complete": {json.dumps(complete())}\n}}'


def _columns(since: str, until: str, lasted: str, severity: str, kind: str, where: str) -> str:
    return f"{since:20}  {until:20}  {lasted:>12}  {severity:8}  {kind:17}  {where}".rstrip()


def _where(one: Occurrence) -> str:
    """As phrases.place() has it, of whatever text the journal has."""
    domain, address, interface = map(printable, (one.domain, one.address, one.interface))
    if one.prefixlen:
        address = f"{address}/{printable(one.prefixlen)}"
    words = f"{domain} at {address}" if domain and address else domain or address
    if interface:
        words = f"{words} on {interface}" if words else interface
    return f"{words}, {printable(one.port)}/{printable(one.protocol)}" if one.port else words


def _row(one: Occurrence) -> dict[str, object]:
    """The names are those of the audit's findings, where they mean the same."""
    lasted = one.lasted
    return {
        "host": one.host or None,
        "kind": one.kind,
        "severity": one.severity,
        "state": "firing" if one.until is None else "resolved",
        "interface": one.interface or None,
        "address": one.address or None,
        "prefixlen": _number(one.prefixlen),
        "domain": one.domain or None,
        "port": _number(one.port),
        "protocol": one.protocol or None,
        "since": rfc3339(one.since),
        "until": None if one.until is None else rfc3339(one.until),
        "lasted_seconds": None if lasted is None else int(lasted),
        "fired_at": None if one.fired is None else rfc3339(one.fired),
        "resolved_at": None if one.resolved is None else rfc3339(one.resolved),
        "message": one.reason or None,
        "folded": one.folded,
    }


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch("[0-9]{1,5}", text) else None
