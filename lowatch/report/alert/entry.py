"""The journal entries of findings that fire or are resolved: one for a finding, or one for many in a storm.

Every entry has all fields. The entry of a storm has the values that all its findings share, and "" where
they differ. It has two more fields: LOWATCH_COUNT, and LOWATCH_FOLDED, which has each finding as one line
of JSON, without the members that do not apply:

    {"domain": "www.example.com", "address": "192.0.2.10", "interface": "lo", "port": 80,
     "protocol": "tcp", "since": "2026-11-23T03:12:07Z", "until": "2026-11-23T03:14:07Z"}
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from lowatch.core.addresses import format_address
from lowatch.core.clock import Now
from lowatch.core.findings import FindingKind, Severity
from lowatch.core.lifecycle import (
    FindingState,
    Tracked,
)
from lowatch.core.printable import printable
from lowatch.core.words import rfc3339
from lowatch.report.phrases import count, duration, place

IDENTIFIER = "lowatch"

# Random and fixed: the message catalog and other people's filters refer to them. A new kind gets a new one
# (`systemd-id128 new`).
MESSAGE_IDS = {
    FindingKind.ORPHAN_VIP: "4d771e5f7e5549d7acd09ec71434267f",
    FindingKind.BACKLOGGED_VIP: "f85b97f86305414ba2a3e73406455443",
    FindingKind.IDLE_VIP: "7ba04124188c490ab4f50d6c37df0abe",
    FindingKind.WIDE_PREFIX: "eccf2b9c7ffb4dcdb59b485fd4d9a125",
    FindingKind.BLACK_HOLE_PREFIX: "3fb76c83df8745e4962be986cd76683a",
    FindingKind.ARP_LEAK: "774952a5e6f14355a651ba0bf2d215df",
    FindingKind.MISSING_VIP: "0b8061d3580147488c9b7c6a12a458cd",
    FindingKind.HOLDER_DOWN: "fade48beec1e45c4b5bfe28443c2a55d",
    FindingKind.VIEWS_DISAGREE: "5f93be58a5be47ee8fbc65843949e0fa",
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


def fields(tracked: Tracked, now: Now) -> dict[str, str]:
    """The fields of a finding's entry, in order.

    A field that does not apply is "", because `journalctl -x` prints the bare name of a missing field.
    The entry of an any-of set has all its ports in MESSAGE, and the first one in LOWATCH_PORT.
    MESSAGE and LOWATCH_REASON are one line of printable ASCII; other values are the finding's, unchanged.
    LOWATCH_UNTIL is when the finding went. LOWATCH_PREFIXLEN distinguishes findings about prefixes with the
    same address.
    """
    finding, subject = tracked.finding, tracked.finding.subject
    resolved = tracked.state is FindingState.RESOLVED
    return {
        "MESSAGE": _resolved_message(tracked, now) if resolved else _firing_message(tracked),
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
        "LOWATCH_REASON": _reason(tracked),
        "LOWATCH_FIX": "; ".join(finding.fix),
    }


def without_fix(entry: Mapping[str, str], tracked: Tracked) -> dict[str, str]:
    """A firing entry that is sent late, without its fix, which may no longer be harmless."""
    late = replace(tracked, finding=tracked.finding.without_fix())
    return {**entry, "MESSAGE": _firing_message(late), "LOWATCH_FIX": ""}


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


def _reason(tracked: Tracked) -> str:
    return printable(tracked.finding.message.strip().rstrip("."))


def _firing_message(tracked: Tracked) -> str:
    """The kind, the rule's own message, the start, and the fix."""
    kind = tracked.finding.subject.kind
    line = f"{kind}: {_reason(tracked)}; {tracked.state} since {rfc3339(tracked.since)}"
    advice, fix = printable(tracked.finding.advice), "; ".join(map(printable, tracked.finding.fix))
    separator = " " if advice.endswith(":") else "; "
    instructions = separator.join(filter(None, (advice, fix)))
    return f"{line}; fix: {instructions}" if instructions else line


def _resolved_message(tracked: Tracked, now: Now) -> str:
    """The kind, the subject, the duration up to when the finding went, and what it was."""
    end = now.monotonic if tracked.present else tracked.changed
    if tracked.began is None:
        lasted = f"began at {rfc3339(tracked.since)}"
    else:
        lasted = f"after {duration(end - tracked.began)}"
    kind, where = tracked.finding.subject.kind, place(tracked.finding.subject, tracked.finding.any_of)
    return f"resolved: {kind}, {where}, {lasted}; it was: {_reason(tracked)}"


FOLDED = "LOWATCH_FOLDED"


COUNT = "LOWATCH_COUNT"


_PLACE = ("interface", "address", "prefixlen", "domain", "port", "protocol")


_EXAMPLES = 3


_FIXES = 3


def summary_fields(folded: Sequence[Announcement]) -> dict[str, str]:
    """The fields of a storm's entry, in order.

    folded: at least one announcement, all of one kind and state.
    """
    first = folded[0]
    findings = [one.tracked.finding for one in folded]
    earliest = min(folded, key=lambda one: one.tracked.since)
    latest = max(folded, key=lambda one: ended(*one))
    rows = [_row(one) for one in folded]
    differing = {
        f"LOWATCH_{name.upper()}": "" for name in _PLACE if len({row.get(name) for row in rows}) > 1
    }
    fixes = list(dict.fromkeys("; ".join(finding.fix) for finding in findings if finding.fix))
    since = rfc3339(earliest.tracked.since)
    return {
        **fields(*first),
        **differing,
        "MESSAGE": _message(folded, since),
        "MESSAGE_ID": STORM_MESSAGE_ID,
        "LOWATCH_SINCE": since,
        "LOWATCH_UNTIL": fields(*latest)["LOWATCH_UNTIL"],
        "LOWATCH_REASON": f"{count(len(folded), 'finding')} folded into one entry, to stay below "
        "journald's rate limit",
        "LOWATCH_FIX": "; ".join(fixes) if len(fixes) <= _FIXES else "",
        COUNT: str(len(folded)),
        FOLDED: "\n".join(map(json.dumps, rows)),
    }


def _message(folded: Sequence[Announcement], since: str) -> str:
    first = folded[0].tracked
    findings = [one.tracked.finding for one in folded[:_EXAMPLES]]
    places = [place(finding.subject, finding.any_of) for finding in findings]
    if len(folded) > _EXAMPLES:
        places.append(f"{len(folded) - _EXAMPLES:,} more")
    resolved = "resolved: " if first.state is FindingState.RESOLVED else ""
    tail = "" if resolved else f"; firing since {since}"
    return (
        f"{resolved}{first.finding.subject.kind}, storm of {count(len(folded), 'more finding')}: "
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
        "since": rfc3339(tracked.since),
        "until": rfc3339(ended(*announced)) if tracked.state is FindingState.RESOLVED else None,
    }
    return {name: value for name, value in row.items() if value is not None}
