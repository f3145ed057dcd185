"""An audit as JSON, schema 1: `check --format json`, /api/v1/audit and /api/v1/findings.

Members come in the contract's order, a member that does not apply is null, and times are RFC 3339.
Lists have one row per line, so that `grep` and `diff` are of use on them. The text is pure ASCII.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from lowatch.core.addresses import format_address
from lowatch.core.audit import Audit
from lowatch.core.held import Held
from lowatch.core.lifecycle import State, Tracked
from lowatch.core.listeners import Listener
from lowatch.core.names import NameReport, name_report
from lowatch.core.snapshot import Problem
from lowatch.core.verdicts import JudgedEndpoint

from .order import endpoints_in_order, findings_in_order, held_in_order, names_in_order
from .phrases import rfc3339

SCHEMA = 1

Row = dict[str, Any]


def render_audit(audit: Audit) -> bytes:
    """The contract's object. `summary` has the kinds that occur: it adds up to `findings`."""
    findings = findings_in_order(audit.findings)
    kinds = Counter(tracked.finding.subject.kind for tracked in findings)
    return _object(
        {
            "schema": SCHEMA,
            "host": audit.host,
            "audited_at": rfc3339(audit.audited_at),
            "complete": audit.complete,
            "problems": [_problem(problem) for problem in audit.problems],
            "held": [_held(held, audit.uptime) for held in held_in_order(audit.held)],
            "endpoints": [_endpoint(e) for e in endpoints_in_order(audit.endpoints)],
            "findings": [_finding(tracked) for tracked in findings],
            "summary": dict(sorted(kinds.items())),
            "names": [
                name_row(name_report(answer, audit.monotonic)) for answer in names_in_order(audit.names)
            ],
        }
    )


def render_findings(audit: Audit) -> bytes:
    """{"schema": 1, "findings": [...]}: the same rows as in render_audit."""
    findings = [_finding(tracked) for tracked in findings_in_order(audit.findings)]
    return _object({"schema": SCHEMA, "findings": findings})


def _object(members: Row) -> bytes:
    lines = (f'"{name}": {_member(value)}' for name, value in members.items())
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode("ascii")


def _member(value: Any) -> str:
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(_rows(value)) + "\n]"
    return _ENCODER.encode(value)


def _rows(rows: Iterable[Row]) -> Iterable[str]:
    return map(_ENCODER.encode, rows)


# No `indent`: with it, CPython leaves its C encoder and takes ten times as long.
_ENCODER = json.JSONEncoder(ensure_ascii=True, allow_nan=False)


def _problem(problem: Problem) -> Row:
    return {"source": problem.source, "message": problem.message}


def name_row(report: NameReport) -> Row:
    """An addition: of each name that does not simply resolve elsewhere."""
    return {
        "name": report.name,
        "status": report.status.value,
        "source": report.source.value,
        "reason": report.reason or None,
        "addresses": [format_address(address) for address in report.addresses],
        "age_seconds": None if report.age is None else round(report.age, 2),
    }


def _held(held: Held, uptime: float) -> Row:
    age = held.age(uptime)
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
    }


def _endpoint(endpoint: JudgedEndpoint) -> Row:
    """`reason`, why the verdict is "unknown", is an addition to the contract's members."""
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
    }


def _listener(listener: Listener) -> Row:
    return {
        "address": format_address(listener.address),
        "unit": listener.unit,
        "uid": listener.uid,
        "inode": listener.inode,
    }


def _finding(tracked: Tracked) -> Row:
    finding, subject = tracked.finding, tracked.finding.subject
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
        "message": finding.message,
        # Accepted on purpose (cases.md 12): advice to remove it would be wrong.
        "fix": [] if tracked.state is State.ACKNOWLEDGED else list(finding.fix),
    }
