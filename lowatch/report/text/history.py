"""The output of `lowatch history`: one line, or one row of JSON, per occurrence, the newest first.

With --follow, one per change, the oldest first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator

from lowatch.core.printable import printable
from lowatch.core.words import rfc3339
from lowatch.report.alert.history import Occurrence
from lowatch.report.phrases import count, duration

SCHEMA = 1
_NO_END = "-"
_TITLES = ("SINCE", "UNTIL", "LASTED", "SEVERITY", "KIND", "WHERE")
_CHANGE_TITLES = ("TIME", "STATE", "LASTED", "SEVERITY", "KIND", "WHERE")
_DIGITS = 19
"""A number of fewer digits fits into 64 bits."""
_NARROWEST = 70
_SHORTEST = 9
"""The shortest length to which a name is cut."""

WIDE = 132
"""The terminal width from which all columns are shown."""


def text_lines(found: Iterable[Occurrence], width: int = WIDE) -> Iterator[str]:
    """A heading and a line per occurrence, as they come; nothing without any.

    width: of the terminal. Below WIDE, lines lack the end, the severity (which the kind implies) and the
    interface, and a name that is still too long is cut in its middle.
    """
    narrow = width < WIDE
    for number, one in enumerate(found, 1):
        if number == 1:
            yield _short("SINCE", "LASTED", "KIND", "WHERE") if narrow else _columns(*_TITLES)
        lasted = _NO_END if one.lasted is None else duration(one.lasted)
        kind = printable(one.kind)
        if narrow:
            since = f"{rfc3339(one.since)[:16]}Z"  # which --since takes as well
            line = _short(since, lasted, kind, "")
            yield line + _place(one, max(width, _NARROWEST) - len(line))
        else:
            until = _NO_END if one.until is None else rfc3339(one.until)
            yield _columns(rfc3339(one.since), until, lasted, printable(one.severity), kind, _where(one))


def change_lines(found: Iterable[Occurrence], width: int = WIDE) -> Iterator[str]:
    """A heading and a line per firing or resolved finding, as they come. width: as in text_lines()."""
    narrow = width < WIDE
    for number, one in enumerate(found, 1):
        if number == 1:
            yield _short("TIME", "STATE", "KIND", "WHERE") if narrow else _change(*_CHANGE_TITLES)
        state = "firing" if one.until is None else "resolved"
        time = rfc3339(one.since if one.until is None else one.until)
        kind = printable(one.kind)
        if narrow:
            line = _short(f"{time[:16]}Z", state, kind, "")
            yield line + _place(one, max(width, _NARROWEST) - len(line))
        else:
            lasted = _NO_END if one.lasted is None else duration(one.lasted)
            yield _change(time, state, lasted, printable(one.severity), kind, _where(one))


def json_changes(found: Iterable[Occurrence]) -> Iterator[str]:
    """A line of JSON per firing or resolved finding: a row as in json_lines(), with a `schema`."""
    for one in found:
        yield json.dumps({"schema": SCHEMA, **_row(one)})


def last_line(number: int, endless: int) -> str:
    """The closing line. endless: the number of occurrences without a recorded end."""
    if not number:
        return "The journal has no alerts."
    if not endless:
        return count(number, "alert")
    return f"{count(number, 'alert')}, {endless:,} without a recorded end (-)"


def json_lines(found: Iterable[Occurrence], complete: Callable[[], bool]) -> Iterator[str]:
    """The lines of one JSON object: {"schema": 1, "occurrences": [one row per line], "complete": true}."""
    yield f'{{\n"schema": {SCHEMA},\n"occurrences": ['
    before = None
    for one in found:
        if before is not None:
            yield before + ","
        before = json.dumps(_row(one))
    if before is not None:
        yield before
    yield f'],\n"complete": {json.dumps(complete())}\n}}'


def _short(since: str, lasted: str, kind: str, where: str) -> str:
    return f"{since:17}  {lasted:>11}  {kind:17}  {where}"


def _cut(text: str, width: int) -> str:
    """The text, or its start and its end if it does not fit."""
    if len(text) <= width:
        return text
    end = max(0, (width - 3) // 2)
    return f"{text[: max(0, width - 3 - end)]}...{text[len(text) - end :]}"


def _place(one: Occurrence, width: int) -> str:
    """The subject in few columns: "www.example.com 192.0.2.10:80". If necessary the name is cut."""
    domain, address, interface = map(printable, (one.domain, one.address, one.interface))
    address = f"[{address}]" if ":" in address and one.port else address
    address += f"/{printable(one.prefixlen)}" if one.prefixlen else ""
    protocol = "" if one.protocol == "tcp" else f"/{printable(one.protocol)}"
    place = f"{address}:{printable(one.port)}{protocol}" if one.port else address or interface
    place += f" in {printable(one.netns)}" if one.netns else ""
    if domain:
        room = width - len(place) - 1
        place = f"{_cut(domain, room)} {place}" if room >= _SHORTEST else f"{domain} {place}"
    return _cut(place, width)


def _columns(since: str, until: str, lasted: str, severity: str, kind: str, where: str) -> str:
    return f"{since:20}  {until:20}  {lasted:>12}  {severity:8}  {kind:17}  {where}".rstrip()


def _change(time: str, state: str, lasted: str, severity: str, kind: str, where: str) -> str:
    return f"{time:20}  {state:8}  {lasted:>12}  {severity:8}  {kind:17}  {where}".rstrip()


def _where(one: Occurrence) -> str:
    """The subject, in the form of phrases.place(), from the text in the journal."""
    domain, address, interface = map(printable, (one.domain, one.address, one.interface))
    if one.prefixlen:
        address = f"{address}/{printable(one.prefixlen)}"
    words = f"{domain} at {address}" if domain and address else domain or address
    if interface:
        words = f"{words} on {interface}" if words else interface
    words = f"{words}, {printable(one.port)}/{printable(one.protocol)}" if one.port else words
    return f"{words}, network namespace {printable(one.netns)}" if one.netns else words


def _row(one: Occurrence) -> dict[str, object]:
    """A row of JSON. Members with the meaning of a member of `findings` have its name."""
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
        "last_unit": one.last_unit or None,
        "victims": int(one.victims) if one.victims.isdecimal() and len(one.victims) < _DIGITS else None,
        "victim": one.victim or None,
        "folded": one.folded,
        "netns": one.netns or None,
    }


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch("[0-9]{1,5}", text) else None
