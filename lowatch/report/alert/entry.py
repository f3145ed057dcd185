"""The journal entries of findings that fire or are resolved: one for a finding, or one for many in a storm.

Every entry has all fields. The entry of a storm has the values that all its findings share, and "" where
they differ. It has two more fields: LOWATCH_COUNT, and LOWATCH_FOLDED, which has each finding as one line
of JSON, without the members that do not apply:

    {"domain": "www.example.com", "address": "192.0.2.10", "interface": "lo", "port": 80,
     "protocol": "tcp", "last_unit": "nginx.service", "since": "2026-11-23T03:12:07Z",
     "until": "2026-11-23T03:14:07Z"}
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from lowatch.core.addresses import format_address
from lowatch.core.clock import Now
from lowatch.core.findings import Finding, FindingKind, Severity
from lowatch.core.lifecycle import (
    FindingState,
    Tracked,
)
from lowatch.core.printable import printable
from lowatch.core.words import rfc3339
from lowatch.report.phrases import count, duration, failed_clients, place, until_because

IDENTIFIER = "lowatch"

# Random and fixed: the message catalog and other people's filters refer to them. A new kind gets a new one
# (`systemd-id128 new`).
MESSAGE_IDS = {
    FindingKind.ORPHAN_VIP: "4d771e5f7e5549d7acd09ec71434267f",
    FindingKind.BACKLOGGED_VIP: "f85b97f86305414ba2a3e73406455443",
    FindingKind.CAPTURED_VIP: "6da163fec56f44f8bac67c5dfdec616e",
    FindingKind.FILTERED_VIP: "2242c83520f54a06b0a866429b6c5a1f",
    FindingKind.DUPLICATE_VIP: "d04c7f4bee564fa6ae906adf1e1fe8bf",
    FindingKind.IDLE_VIP: "7ba04124188c490ab4f50d6c37df0abe",
    FindingKind.WIDE_PREFIX: "eccf2b9c7ffb4dcdb59b485fd4d9a125",
    FindingKind.BLACK_HOLE_PREFIX: "3fb76c83df8745e4962be986cd76683a",
    FindingKind.ARP_LEAK: "774952a5e6f14355a651ba0bf2d215df",
    FindingKind.MISSING_VIP: "0b8061d3580147488c9b7c6a12a458cd",
    FindingKind.HOLDER_DOWN: "fade48beec1e45c4b5bfe28443c2a55d",
    FindingKind.SOURCE_VIP: "a8e7f7a55aae4f21bee7226c5d3ded83",
    FindingKind.VIEWS_DISAGREE: "5f93be58a5be47ee8fbc65843949e0fa",
    FindingKind.REFUSED_VIP: "61d14184e51b487ab2260c8da2fc0b84",
}
RESOLVED_MESSAGE_ID = "707c596f9d52464b81132f2ecac58b59"
STORM_MESSAGE_ID = "88b2a03df0d94ddb8a942501853b2e88"
"""The id of an entry that stands for many findings."""

# syslog levels (sd-daemon(3)): err, warning, info; and notice for good news.
_PRIORITIES = {Severity.CRITICAL: 3, Severity.WARNING: 4, Severity.INFO: 6}
_RESOLVED_PRIORITY = 5


class Announcement(NamedTuple):
    """A finding, as it was when it was announced, and the time of the announcement."""

    tracked: Tracked
    now: Now


def fields(tracked: Tracked, now: Now, netns: str = "") -> dict[str, str]:
    """The fields of a finding's entry, in order.

    netns: the network namespace; LOWATCH_NETNS is there only if it is another one than the first.

    A field that does not apply is "", because `journalctl -x` prints the bare name of a missing field.
    The entry of an any-of set has all its ports in MESSAGE, and the first one in LOWATCH_PORT.
    MESSAGE and LOWATCH_REASON are one line of printable ASCII; other values are the finding's, unchanged.
    LOWATCH_UNTIL is when the finding went. LOWATCH_PREFIXLEN distinguishes findings about prefixes with the
    same address. LOWATCH_LAST_UNIT is the unit that served an orphan last, if it is known.
    LOWATCH_VICTIMS is how many local clients failed so far, if any are known. LOWATCH_VICTIM is the program
    that most of them were, as one line of printable ASCII, if that is known.
    """
    finding, subject = tracked.finding, tracked.finding.subject
    resolved = tracked.state is FindingState.RESOLVED
    return {
        "MESSAGE": (
            _resolved_message(tracked, now, netns) if resolved else _firing_message(tracked, netns)
        ),
        "MESSAGE_ID": RESOLVED_MESSAGE_ID if resolved else MESSAGE_IDS[subject.kind],
        "PRIORITY": str(priority(tracked)),
        "SYSLOG_IDENTIFIER": IDENTIFIER,
        "LOWATCH_KIND": subject.kind.value,
        "LOWATCH_STATE": tracked.state.value,
        "LOWATCH_SEVERITY": finding.severity.value,
        "LOWATCH_INTERFACE": subject.interface or "",
        "LOWATCH_ADDRESS": "" if subject.address is None else format_address(subject.address),
        "LOWATCH_PREFIXLEN": "" if subject.prefixlen is None else str(subject.prefixlen),
        "LOWATCH_DOMAIN": subject.domain or "",
        "LOWATCH_PORT": "" if subject.port is None else str(subject.port.number),
        "LOWATCH_PROTOCOL": "" if subject.port is None else subject.port.protocol,
        "LOWATCH_SINCE": rfc3339(tracked.since),
        "LOWATCH_UNTIL": rfc3339(ended(tracked, now)) if resolved else "",
        "LOWATCH_LAST_UNIT": last_unit(finding),
        "LOWATCH_VICTIMS": "" if tracked.hurt is None else str(tracked.hurt.refused.count),
        "LOWATCH_VICTIM": _victim(tracked),
        "LOWATCH_REASON": _reason(tracked),
        "LOWATCH_FIX": "; ".join(finding.fix),
        **({NETNS: netns} if netns else {}),
    }


def without_fix(entry: Mapping[str, str], tracked: Tracked) -> dict[str, str]:
    """A firing entry that is sent late, without its fix, which may no longer be harmless."""
    late = replace(tracked, finding=tracked.finding.without_fix())
    return {**entry, "MESSAGE": _firing_message(late, entry.get(NETNS, "")), "LOWATCH_FIX": ""}


def priority(tracked: Tracked) -> int:
    """The syslog level of a finding's entry."""
    return (
        _RESOLVED_PRIORITY
        if tracked.state is FindingState.RESOLVED
        else _PRIORITIES[tracked.finding.severity]
    )


def ended(tracked: Tracked, now: Now) -> float:
    """The wall-clock seconds at which a resolved finding went, which is a hold before it was resolved."""
    gone_for = 0.0 if tracked.present else now.monotonic - tracked.changed
    return now.wall - gone_for


def last_unit(finding: Finding) -> str:
    """The unit that served it last; "" if that is unknown."""
    return (finding.last_served.unit if finding.last_served else None) or ""


def _victim(tracked: Tracked) -> str:
    """For example "curl in backup.service"; "" if it is unknown."""
    programs = () if tracked.hurt is None else tracked.hurt.refused.programs
    return printable(str(programs[0].program)) if programs else ""


def _reason(tracked: Tracked) -> str:
    return printable(tracked.finding.message.strip().rstrip("."))


def _kind(tracked: Tracked, netns: str) -> str:
    """For example: orphan-vip, network namespace blue."""
    kind = tracked.finding.subject.kind.value
    return f"{kind}, network namespace {printable(netns)}" if netns else kind


def _firing_message(tracked: Tracked, netns: str) -> str:
    """The kind, the rule's own message, the start, and the fix."""
    line = f"{_kind(tracked, netns)}: {_reason(tracked)}{_hurt(tracked)}"
    line += f"; {tracked.state} since {rfc3339(tracked.since)}"
    if tracked.acknowledgement is not None:
        line += f"; no longer acknowledged (it was {until_because(tracked.acknowledgement)})"
    instructions = "; ".join(filter(None, (_instructions(*one) for one in tracked.finding.guidance)))
    return f"{line}; fix: {instructions}" if instructions else line


def _instructions(advice: str, commands: Sequence[str]) -> str:
    said, fix = printable(advice), "; ".join(map(printable, commands))
    return (" " if said.endswith(":") else "; ").join(filter(None, (said, fix)))


def _resolved_message(tracked: Tracked, now: Now, netns: str) -> str:
    """The kind, the subject, the duration up to when the finding went, and what it was."""
    end = now.monotonic if tracked.present else tracked.changed
    if tracked.began is None:
        lasted = f"began at {rfc3339(tracked.since)}"
    else:
        lasted = f"after {duration(end - tracked.began)}"
    kind, where = _kind(tracked, netns), place(tracked.finding.subject, tracked.finding.any_of)
    return f"resolved: {kind}, {where}, {lasted}; it was: {_reason(tracked)}{_hurt(tracked)}"


def _hurt(tracked: Tracked) -> str:
    return "" if tracked.hurt is None else f"; {failed_clients(tracked.hurt)}"


FOLDED = "LOWATCH_FOLDED"


NETNS = "LOWATCH_NETNS"


COUNT = "LOWATCH_COUNT"


_SHARED = (
    "interface",
    "address",
    "prefixlen",
    "domain",
    "port",
    "protocol",
    "last_unit",
    "victims",
    "victim",
)
"""The members of a row that have a field of their own, which is "" where they differ."""


_EXAMPLES = 3


_FIXES = 3


def summary_fields(folded: Sequence[Announcement], netns: str = "") -> dict[str, str]:
    """The fields of a storm's entry, in order.

    folded: at least one announcement, all of one kind, severity and state. netns: as in fields().
    """
    first = folded[0]
    findings = [one.tracked.finding for one in folded]
    earliest = min(folded, key=lambda one: one.tracked.since)
    latest = max(folded, key=lambda one: ended(*one))
    rows = [_row(one) for one in folded]
    differing = {
        f"LOWATCH_{name.upper()}": "" for name in _SHARED if len({row.get(name) for row in rows}) > 1
    }
    fixes = list(dict.fromkeys("; ".join(finding.fix) for finding in findings if finding.fix))
    since = rfc3339(earliest.tracked.since)
    return {
        **fields(*first, netns),
        **differing,
        "MESSAGE": _message(folded, since, netns),
        "MESSAGE_ID": STORM_MESSAGE_ID,
        "LOWATCH_SINCE": since,
        "LOWATCH_UNTIL": fields(*latest)["LOWATCH_UNTIL"],
        "LOWATCH_REASON": f"{count(len(folded), 'finding')} folded into one entry, to stay below "
        "journald's rate limit",
        "LOWATCH_FIX": "; ".join(fixes) if len(fixes) <= _FIXES else "",
        COUNT: str(len(folded)),
        FOLDED: "\n".join(map(json.dumps, rows)),
    }


def _message(folded: Sequence[Announcement], since: str, netns: str) -> str:
    first = folded[0].tracked
    findings = [one.tracked.finding for one in folded[:_EXAMPLES]]
    places = [place(finding.subject, finding.any_of) for finding in findings]
    if len(folded) > _EXAMPLES:
        places.append(f"{len(folded) - _EXAMPLES:,} more")
    resolved = "resolved: " if first.state is FindingState.RESOLVED else ""
    tail = "" if resolved else f"; firing since {since}"
    return (
        f"{resolved}{_kind(first, netns)}, storm of {count(len(folded), 'more finding')}: "
        f"{'; '.join(places)}{tail}; list them with lowatch history"
    )


def _row(announced: Announcement) -> dict[str, Any]:
    tracked, subject = announced.tracked, announced.tracked.finding.subject
    row = {
        "domain": subject.domain,
        "address": None if subject.address is None else format_address(subject.address),
        "prefixlen": subject.prefixlen,
        "interface": subject.interface,
        "port": None if subject.port is None else subject.port.number,
        "protocol": None if subject.port is None else subject.port.protocol,
        "last_unit": last_unit(tracked.finding) or None,
        "victims": None if tracked.hurt is None else tracked.hurt.refused.count,
        "victim": _victim(tracked) or None,
        "since": rfc3339(tracked.since),
        "until": rfc3339(ended(*announced)) if tracked.state is FindingState.RESOLVED else None,
    }
    return {name: value for name, value in row.items() if value is not None}
