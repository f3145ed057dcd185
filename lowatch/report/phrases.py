"""Durations, counts, lists and the subjects of findings as text for people, in printable characters."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lowatch.core.addresses import Port, format_address
from lowatch.core.findings import Subject
from lowatch.core.printable import printable

_MANY_PORTS = 6
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def duration(seconds: float) -> str:
    """An interval in its two largest units: "14 s", "14 min 5 s", "3 h 12 min", "41 d 2 h"."""
    whole = max(0, math.floor(seconds))
    for unit, name, below, below_name in (
        (_DAY, "d", _HOUR, "h"),
        (_HOUR, "h", _MINUTE, "min"),
        (_MINUTE, "min", 1, "s"),
    ):
        if whole >= unit:
            rest = whole % unit // below
            return f"{whole // unit} {name}" + (f" {rest} {below_name}" if rest else "")
    return f"{whole} s"


def count(number: int, noun: str, plural: str = "") -> str:
    """A number and its noun: "1 finding", "1,059 addresses"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(words: Sequence[str]) -> str:
    """Words as a sentence lists them: "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def first_few(words: Sequence[str], few: int = 3, total: int = 0) -> str:
    """The first of many: "a, b, c and 997 more".

    total: the number of all, if `words` has only the first.
    """
    more = max(total, len(words)) - few
    return listed([*words[:few], f"{more:,} more"] if more > 0 else words)


def place(subject: Subject, ports: Sequence[Port] = ()) -> str:
    """The subject of a finding: "www.example.com at 192.0.2.10 on lo, 80/tcp".

    ports: the ports of several findings that are shown as one, in place of the subject's own.
    """
    address = "" if subject.address is None else format_address(subject.address)
    if address and subject.prefixlen is not None:
        address = f"{address}/{subject.prefixlen}"
    words = printable(subject.domain or "")
    if address:
        words += f" at {address}" if words else address
    if subject.interface:
        interface = printable(subject.interface)
        words += f" on {interface}" if words else interface
    numbers = [str(port) for port in ports or filter(None, (subject.port,))]
    return f"{words}, {first_few(numbers, _MANY_PORTS)}" if numbers else words
