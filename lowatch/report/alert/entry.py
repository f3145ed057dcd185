"""The journal entry of a finding that fires or is resolved: the contract's fields, always all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lowatch.core.addresses import format_address
from lowatch.core.clock import (
    Now,
)
from lowatch.core.findings import FindingKind, Severity
from lowatch.core.lifecycle import (
    State,
    Tracked,
)
from lowatch.core.printable import printable
from lowatch.core.words import rfc3339
from lowatch.report.phrases import duration, place

IDENTIFIER = "lowatch"

# Drawn at random once, and fixed for ever: the message catalog, and other people's filters and
# scripts, know the entries by them. A new kind draws its own (`systemd-id128 new`).
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
"""Of an entry that stands for many: see alert_summary."""

# syslog levels (sd-daemon(3)): err, warning, info; and notice for good news.
_PRIORITIES = {Severity.CRITICAL: 3, Severity.WARNING: 4, Severity.INFO: 6}
_RESOLVED_PRIORITY = 5


def fields(tracked: Tracked, now: Now) -> dict[str, str]:
    """The entry's fields, in order.

    One that does not apply is "": `journalctl -x` would print the bare name of a missing field.
    The first port of an any-of set stands for all: MESSAGE names them, LOWATCH_PORT is the first.
    Values are as the finding has them, except in MESSAGE and LOWATCH_REASON, which are one line of
    printable ASCII. Additions to the contract's: LOWATCH_UNTIL, when it went; and LOWATCH_PREFIXLEN, of a
    finding about a whole prefix, which else could not be told from another with the same address.
    """
    finding, subject = tracked.finding, tracked.finding.subject
    resolved = tracked.state is State.RESOLVED
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
    """A firing entry that goes out late: what was harmless when it was made may not be so now."""
    told = replace(tracked, finding=tracked.finding.without_fix())
    return {**entry, "MESSAGE": _firing_message(told), "LOWATCH_FIX": ""}


def priority(tracked: Tracked) -> int:
    """The syslog level of its entry."""
    return _RESOLVED_PRIORITY if tracked.state is State.RESOLVED else _PRIORITIES[tracked.finding.severity]


def ended(tracked: Tracked, now: Now) -> float:
    """Wall-clock seconds at which a resolved finding went, which was known for sure a hold later."""
    gone_for = 0.0 if tracked.present else now.monotonic - tracked.changed
    return now.wall - gone_for


def _reason(tracked: Tracked) -> str:
    return printable(tracked.finding.message.strip().rstrip("."))


def _firing_message(tracked: Tracked) -> str:
    """What, where and why (the rule's own words), since when, and what to do."""
    kind = tracked.finding.subject.kind
    line = f"{kind}: {_reason(tracked)}; {tracked.state} since {rfc3339(tracked.since)}"
    advice, fix = printable(tracked.finding.advice), "; ".join(map(printable, tracked.finding.fix))
    separator = " " if advice.endswith(":") else "; "
    remedy = separator.join(filter(None, (advice, fix)))
    return f"{line}; fix: {remedy}" if remedy else line


def _resolved_message(tracked: Tracked, now: Now) -> str:
    """How long it lasted, and what it had been. It ended when it went, not when that was sure."""
    end = now.monotonic if tracked.present else tracked.changed
    if tracked.began is None:
        lasted = f"began at {rfc3339(tracked.since)}"
    else:
        lasted = f"after {duration(end - tracked.began)}"
    kind, where = tracked.finding.subject.kind, place(tracked.finding.subject, tracked.finding.any_of)
    return f"resolved: {kind}, {where}, {lasted}; it was: {_reason(tracked)}"
