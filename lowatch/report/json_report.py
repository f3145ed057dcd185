"""An audit as JSON, schema 1: `check --format json`, /api/v1/audit and /api/v1/findings.

Members have a fixed order, one that does not apply is null, and times are RFC 3339. Lists have one row per
line, for `grep` and `diff`. The text is ASCII.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from lowatch.core.addresses import format_address
from lowatch.core.audit import Audit
from lowatch.core.findings import Fix
from lowatch.core.held import Held
from lowatch.core.last_served import LastServed
from lowatch.core.lifecycle import FindingState, Tracked
from lowatch.core.listeners import Listener
from lowatch.core.name_outcomes import NameReport, name_report
from lowatch.core.name_sources import NameSource
from lowatch.core.programs import FailedProgram
from lowatch.core.snapshot import Problem
from lowatch.core.verdicts import JudgedEndpoint
from lowatch.core.victims import Hurt
from lowatch.core.words import rfc3339

from .order import endpoint_order, finding_order, held_order, names_in_order
from .phrases import message
from .pieces import PAUSE, slices, sort

if TYPE_CHECKING:
    from lowatch.core.boot import Boot, Configured
    from lowatch.core.verification import Verification

SCHEMA = 1

Row = dict[str, Any]
T = TypeVar("T")
_ROWS = 100
"""Rows per piece; a row takes 10 us."""


def render_audit(audit: Audit) -> bytes:
    """The whole audit. `summary` has the kinds that occur, and adds up to the number of `findings`."""
    return b"".join(audit_pieces(audit))


def render_findings(audit: Audit) -> bytes:
    """{"schema": 1, "findings": [...]} with the same rows as render_audit()."""
    return b"".join(findings_pieces(audit))


def audit_pieces(audit: Audit) -> Iterator[bytes]:
    """render_audit() in pieces (pieces.py)."""
    yield b"{\n"
    yield from _members(
        {
            "schema": SCHEMA,
            "host": audit.host,
            "audited_at": rfc3339(audit.audited_at),
            "complete": audit.complete,
        }
    )
    yield from _rows("problems", audit.problems, None, _problem)
    yield from _rows("held", audit.held, held_order, lambda held: _held(held, audit))
    yield from _rows("endpoints", audit.endpoints, endpoint_order, lambda one: _endpoint(one, audit))
    kinds: Counter[str] = Counter()
    for some in slices(audit.findings):
        kinds.update(tracked.finding.subject.kind.value for tracked in some)
        yield PAUSE
    yield from _rows("findings", audit.findings, finding_order, lambda one: _finding(one, audit))
    yield from _members({"summary": dict(sorted(kinds.items()))})
    yield from _rows(
        "names",
        names_in_order(audit.names),
        None,
        lambda answer: name_row(name_report(answer, audit.monotonic), audit.source(answer.domain)),
    )
    if audit.boot is None or audit.boot.missing is None:
        yield from _members({"missing": None})
    else:
        yield from _rows("missing", audit.boot.missing, None, _missing)
    verification = None if audit.verification is None else _verification(audit.verification)
    boot = None if audit.boot is None else _boot(audit.boot)
    more = {"boot": boot, "netns": audit.netns or None, "verification": verification}
    yield from _members(more, last=True)


def findings_pieces(audit: Audit) -> Iterator[bytes]:
    """render_findings() in pieces."""
    yield b"{\n"
    yield from _members({"schema": SCHEMA})
    yield from _rows("findings", audit.findings, finding_order, lambda one: _finding(one, audit), last=True)


def _members(members: Row, *, last: bool = False) -> Iterator[bytes]:
    lines = ",\n".join(f'"{name}": {_ENCODER.encode(value)}' for name, value in members.items())
    yield f"{lines}{_after(last)}".encode("ascii")


def _rows(
    name: str,
    items: Iterable[T],
    order: Callable[[T], Any] | None,
    row: Callable[[T], Row],
    *,
    last: bool = False,
) -> Iterator[bytes]:
    """A member that is a list, with one row per line. order: the sort key; None keeps the order."""
    in_order = iter(items) if order is None else (yield from sort(items, order))
    before = f'"{name}": [\n'
    empty = True
    for some in slices(in_order, _ROWS):
        yield (before + ",\n".join(_ENCODER.encode(row(item)) for item in some)).encode("ascii")
        before, empty = ",\n", False
    yield (f'"{name}": []' if empty else "\n]").encode("ascii") + _after(last).encode("ascii")


def _after(last: bool) -> str:
    return "\n}\n" if last else ",\n"


# Without `indent`, because CPython then uses its C encoder, which is ten times as fast.
_ENCODER = json.JSONEncoder(ensure_ascii=True, allow_nan=False)


def _problem(problem: Problem) -> Row:
    return {"source": problem.source, "message": problem.message}


def name_row(report: NameReport, source: NameSource) -> Row:
    """A row of `names`."""
    return {
        "name": report.name,
        "status": report.status.value,
        "source": source.value,
        "reason": report.reason or None,
        "addresses": [format_address(address) for address in report.addresses],
        "age_seconds": None if report.age is None else round(report.age, 2),
    }


def _held(held: Held, audit: Audit) -> Row:
    """A row of `held`. configured: the lines that name the address; None if no file was read."""
    age, boot = held.age(audit.uptime), audit.boot
    age = None if age is None else round(age, 2)
    return {
        "address": format_address(held.address),
        "prefixlen": held.prefixlen,
        "interface": held.interface,
        "by": held.by,
        "label": held.label,
        "flags": list(held.flags),
        "age_seconds": age,
        "origin": held.origin,
        "configured": None if boot is None else [_configured(entry) for entry in boot.of(held.address)],
        "netns": audit.netns or None,
    }


def _configured(entry: Configured) -> Row:
    return {
        "file": entry.file,
        "line": entry.line,
        "by": entry.by,
        "effect": entry.effect.value,
        "note": entry.note or None,
        "prefixlen": entry.prefixlen,
        "interface": entry.interface,
    }


def _missing(entry: Configured) -> Row:
    """A row of `missing`: an address that a file would add, and that no interface of this host holds."""
    return {"address": format_address(entry.address), **_configured(entry)}


def _boot(boot: Boot) -> Row:
    unread = [{"file": one.file, "line": one.line or None, "reason": one.reason} for one in boot.unread]
    return {"files": boot.files, "unread": unread}


def _verification(one: Verification) -> Row:
    """The `verification` of `check --verify`. verdicts: how many agree with a connect, differ and so on."""
    return {
        "confirmed": one.confirmed,
        "verdicts": {outcome.value: number for outcome, number in sorted(one.outcomes.items())},
        "netlink_messages": one.messages,
        "dns_answers": one.answers,
        "metrics_series": one.series,
        "disagreements": list(one.disagreements),
        "unseen": list(one.unseen),
        "not_compared": list(one.missed),
        "report": one.report or None,
    }


def _endpoint(endpoint: JudgedEndpoint, audit: Audit) -> Row:
    """A row of `endpoints`. reason: why the verdict is "unknown"."""
    return {
        "domain": endpoint.domain,
        "address": format_address(endpoint.address),
        "interface": endpoint.interface,
        "port": endpoint.port.number,
        "protocol": endpoint.port.protocol,
        "view": endpoint.view.value,
        "verdict": endpoint.verdict.value,
        "listener": None if endpoint.listener is None else _listener(endpoint.listener),
        "reason": endpoint.reason or None,
        "netns": audit.netns or None,
    }


def _listener(listener: Listener) -> Row:
    return {
        "address": format_address(listener.address),
        "unit": listener.unit,
        "uid": listener.uid,
        "inode": listener.inode,
    }


def _finding(tracked: Tracked, audit: Audit) -> Row:
    finding, subject = tracked.finding, tracked.finding.subject
    # An acknowledged finding is intended, so its fix would be wrong (docs/internals/cases.md 12).
    accepted = tracked.state is FindingState.ACKNOWLEDGED
    return {
        "kind": subject.kind.value,
        "severity": finding.severity.value,
        "state": tracked.state.value,
        "key": subject.key,
        "interface": subject.interface,
        "address": None if subject.address is None else format_address(subject.address),
        "domain": subject.domain,
        "port": None if subject.port is None else subject.port.number,
        "protocol": None if subject.port is None else subject.port.protocol,
        "since": rfc3339(tracked.since),
        "message": message(tracked),
        "fix": [] if accepted else list(finding.fix),
        "advice": None if accepted else finding.advice or None,
        "acknowledged": acknowledged_row(tracked),
        "last_served": last_served_row(finding.last_served),
        "refused": refused_row(tracked.hurt),
        "fixes": [] if accepted else list(map(_fix, finding.fixes)),
        "netns": audit.netns or None,
    }


def _fix(fix: Fix) -> Row:
    return {
        "action": fix.action.value,
        "summary": fix.summary,
        "commands": list(fix.commands),
        "persist": fix.persist,
        "rehearsal": fix.rehearsal and {"outcome": fix.rehearsal.outcome, "reason": fix.rehearsal.reason},
    }


def acknowledged_row(tracked: Tracked) -> Row | None:
    """The `acknowledged` of a finding: until when (exclusive), and why."""
    accepted = tracked.acknowledgement
    return None if accepted is None else {"until": rfc3339(accepted.until), "reason": accepted.reason}


def last_served_row(last: LastServed | None) -> Row | None:
    """The `last_served` of a finding: null if it is unknown; `unit` is null if only that is."""
    return None if last is None else {"unit": last.unit, "until": rfc3339(last.until)}


def refused_row(hurt: Hurt | None) -> Row | None:
    """The `refused` of a finding: null if no local client is known to have failed.

    programs: whose they were, by the last PID of each; as many as are known.
    """
    if hurt is None:
        return None
    refused = hurt.refused
    return {
        "count": refused.count,
        "first": rfc3339(refused.first.wall),
        "last": rfc3339(refused.last.wall),
        "estimated": refused.estimated,
        "programs": [_program(one) for one in refused.programs],
    }


def _program(failed: FailedProgram) -> Row:
    program = failed.program
    return {"name": program.name, "pid": program.pid, "unit": program.unit, "count": failed.times}
