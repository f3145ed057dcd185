"""The journal entry that stands for many findings of one kind and state, in a storm.

It has every field of any other entry: those that all its findings share, and "" where they differ. Two
more are its own: LOWATCH_COUNT, and LOWATCH_FOLDED, which has each finding as JSON on a line of its own:

    {"domain": "www.example.com", "address": "192.0.2.10", "interface": "lo", "port": 80,
     "protocol": "tcp", "since": "2026-11-23T03:12:07Z", "until": "2026-11-23T03:14:07Z"}

What does not apply is left out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from lowatch.core.addresses import format_address
from lowatch.core.lifecycle import State
from lowatch.core.words import rfc3339
from lowatch.report.phrases import count, place

from .entry import STORM_MESSAGE_ID, ended, fields
from .storm import Announcement

FOLDED = "LOWATCH_FOLDED"
COUNT = "LOWATCH_COUNT"

_PLACE = ("interface", "address", "prefixlen", "domain", "port", "protocol")
_EXAMPLES = 3
_FIXES = 3


def summary_fields(folded: Sequence[Announcement]) -> dict[str, str]:
    """The entry's fields, in order. folded: at least one, all of one kind and state."""
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
    resolved = "resolved: " if first.state is State.RESOLVED else ""
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
        "until": rfc3339(ended(*announced)) if tracked.state is State.RESOLVED else None,
    }
    return {name: value for name, value in row.items() if value is not None}
