"""Durations, counts, lists and the subjects of findings as text for people, in printable characters."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lowatch.core.addresses import Port, format_address
from lowatch.core.findings import Subject
from lowatch.core.last_served import LastServed
from lowatch.core.lifecycle import Tracked
from lowatch.core.plan import Rehearsal
from lowatch.core.policy import Acknowledgement
from lowatch.core.printable import printable
from lowatch.core.programs import FailedProgram
from lowatch.core.victims import Hurt, Refused
from lowatch.core.words import rfc3339

_MANY_PORTS = 6
_FEW_PROGRAMS = 3
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def host_and_netns(host: str, netns: str) -> str:
    """Where an audit was made: the host, and the network namespace if it is not lowatch's own."""
    return f"{printable(host)} (network namespace {printable(netns)})" if netns else printable(host)


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


def served_ago(last: LastServed, now: float) -> str:
    """Who served it last: "served by nginx.service until 2026-11-23T03:12:07Z, 4 min ago".

    now: wall-clock seconds, because what is remembered across a restart has no monotonic time.
    """
    return f"{printable(str(last))}, {duration(now - last.until)} ago"


def failed_clients(hurt: Hurt) -> str:
    """As in: has failed local clients 41 times since 2026-11-23T02:13:07Z, last 3 s ago.

    Then their programs, as far as they are known.
    """
    refused = hurt.refused
    ago = f"{duration(hurt.now - refused.last.wall)} ago"
    if refused.count == 1 and not refused.estimated:
        return f"has failed a local client {ago}{_programs(refused)}"
    about = "about " if refused.estimated else ""
    times = count(refused.count, "time")
    since = rfc3339(refused.first.wall)
    return f"has failed local clients {about}{times} since {since}, last {ago}{_programs(refused)}"


def _programs(refused: Refused) -> str:
    """As in ": curl in backup.service (38 times, last PID 4711), wget (PID 815) and unknown ones"."""
    if not refused.programs:
        return ""
    words = list(map(_program, refused.programs))
    known = sum(one.times for one in refused.programs)
    if len(words) > _FEW_PROGRAMS:
        words = [*words[:_FEW_PROGRAMS], "others"]
    elif known < refused.count:
        words.append("unknown ones")
    return f": {listed(words)}"


def _program(failed: FailedProgram) -> str:
    times = f"{count(failed.times, 'time')}, last " if failed.times > 1 else ""
    return f"{printable(str(failed.program))} ({times}PID {failed.program.pid})"


def message(tracked: Tracked) -> str:
    """The message of a finding, and the local clients that failed."""
    said = tracked.finding.message
    return said if tracked.hurt is None else f"{said}; {failed_clients(tracked.hurt)}"


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


def until_because(acknowledgement: Acknowledgement) -> str:
    """For example "until 2027-02-01T00:00:00Z: kept until the move"."""
    return f"until {rfc3339(acknowledgement.until)}: {printable(acknowledgement.reason)}"


def matched(acknowledgement: Acknowledgement) -> str:
    """What it matches: "orphan-vip, address 192.0.2.10, domain *.example.com"."""
    words = acknowledgement.matchers.items()
    return printable(", ".join(value if key == "kind" else f"{key} {value}" for key, value in words))


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


def outcome(rehearsal: Rehearsal) -> str:
    """What came of a rehearsal."""
    if rehearsal.outcome == "safe":
        return "rehearsed: ends the finding, takes nothing else away"
    return f"not rehearsed: {rehearsal.reason}"
