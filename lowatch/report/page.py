"""The status page: the state of this host as one HTML page.

It loads nothing, runs no script and cannot be framed. The policy that is sent with it enforces this, and
allows its one style sheet by hash.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from lowatch.core.answers import AnswerStatus
from lowatch.core.audit import Audit
from lowatch.core.lifecycle import FindingState
from lowatch.core.name_outcomes import UNSETTLED, name_report
from lowatch.core.printable import printable
from lowatch.core.words import rfc3339

from .digest import Digest, FindingGroup, GroupSummary, Guidance, digest
from .order import names_in_order
from .phrases import count, duration, failed_clients, host_and_netns, served_ago, until_because

ROWS_SHOWN = 200

_STATES = (FindingState.FIRING, FindingState.PENDING, FindingState.ACKNOWLEDGED)

_STYLE = """
:root { color-scheme: light dark; --critical: #c0182b; --warning: #9a5b00; --info: #3567a8; }
@media (prefers-color-scheme: dark) {
  :root { --critical: #ff7b86; --warning: #f0b45a; --info: #8db8f0; }
}
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.1rem; margin-top: 2rem; }
dl { display: flex; flex-wrap: wrap; gap: .5rem 2.5rem; }
dt { opacity: .7; } dd { font-size: 1.4rem; margin: 0; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid #8884; padding: .4rem .8rem .4rem 0; text-align: left; }
td { overflow-wrap: anywhere; vertical-align: top; } td:first-child { white-space: nowrap; }
code { display: block; white-space: pre-wrap; }
.critical { color: var(--critical); font-weight: 600; } .warning { color: var(--warning); }
.info { color: var(--info); } nav a { margin-right: 1.5rem; }
"""

_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)


def render(audit: Audit | None, *, version: str, telemetry_path: str) -> bytes:
    """The page in UTF-8. audit: None before the first."""
    host = "" if audit is None else f" on {_text(host_and_netns(audit.host, audit.netns))}"
    lines = [
        '<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>lowatch{host}</title>\n<style>{_STYLE}</style>",
        f"<h1>lowatch{host}</h1>",
    ]
    if audit is None:
        lines.append("<p>The first full audit is not done yet.")
    else:
        lines += _body(audit, digest(audit.findings))
    lines += [
        "<h2>More</h2>\n<nav>",
        *(
            f'<a href="{escape(path)}">{escape(path)}</a>'
            for path in (telemetry_path, "/api/v1/audit", "/api/v1/findings", "/-/ready")
        ),
        f"</nav>\n<p>lowatch {escape(version)}\n</html>\n",
    ]
    return "\n".join(lines).encode("utf-8", "replace")


def _body(audit: Audit, findings_digest: Digest) -> Iterator[str]:
    state = "Complete" if audit.complete else "Incomplete: something could not be observed"
    yield f"<p>{state}. Audited at {rfc3339(audit.audited_at)}."
    yield from _counts(audit, findings_digest)
    yield "<h2>Findings</h2>"
    yield from _findings(findings_digest.groups, audit)
    yield from _names(audit)
    if audit.problems:
        yield "<h2>What could not be observed</h2>\n<table>\n<tr><th>Source<th>Problem"
        for source, message in audit.problems[:ROWS_SHOWN]:
            yield f"<tr><td>{_text(source)}<td>{_text(message)}"
        yield "</table>"
        yield from _more(len(audit.problems), "problem")


def _text(text: str) -> str:
    """Text from outside, escaped: it contains no markup and no bidirectional controls."""
    return escape(printable(text))


def _counts(audit: Audit, findings_digest: Digest) -> Iterator[str]:
    states: Counter[FindingState] = Counter()
    for (_, state), number in findings_digest.group_counts.items():
        states[state] += number
    yield "<dl>"
    for name, number in (
        ("Held addresses", len(audit.held)),
        ("Domains", sum(audit.statuses.values())),
        ("Unresolved", sum(audit.statuses.get(status, 0) for status in UNSETTLED)),
        ("Endpoints", len(audit.endpoints)),
        *((f"Findings {state}", states[state]) for state in _STATES),
    ):
        yield f"<div><dt>{name}<dd>{number:,}</div>"
    yield "</dl>"


def _findings(groups: Sequence[FindingGroup], audit: Audit) -> Iterator[str]:
    if not groups:
        yield "<p>None."
        return
    yield "<table>\n<tr><th>Kind<th>State<th>Where<th>What<th>For"
    for group in groups[:ROWS_SHOWN]:
        yield _finding(group.summary(), audit)
    yield "</table>"
    yield from _more(len(groups), "finding")


def _finding(one: GroupSummary, audit: Audit) -> str:
    names = f": {one.named}" if one.named else ""
    served = [served_ago(one.last_served, audit.audited_at)] if one.last_served else []
    hurt = [failed_clients(one.hurt)] if one.hurt else []
    reasons = "<br>".join(map(escape, (*one.reasons, *served, *hurt)))
    if one.active:
        fix = "".join(map(_guidance, one.guidance))
    else:  # it is intended, so a fix would be wrong
        fix = (
            f"<br>Acknowledged {escape(until_because(one.acknowledgement))}" if one.acknowledgement else ""
        )
    kind = f'<td class="{one.severity}">{one.kind}'
    age, began = one.age(audit.monotonic), rfc3339(one.since)
    since = f"<td>since {began}" if age is None else f'<td title="{began}">{duration(age)}'
    return f"<tr>{kind}<td>{one.state}<td>{escape(one.where + names)}<td>{reasons}{fix}{since}"


def _guidance(given: Guidance) -> str:
    advice = "".join(f"<br>{escape(one)}" for one in given.advice)
    return advice + "".join(f"<code>{escape(command)}</code>" for command in given.commands)


def _names(audit: Audit) -> Iterator[str]:
    """The section of names that do not resolve, if there are any."""
    unresolved = [
        answer for answer in names_in_order(audit.names) if answer.status is not AnswerStatus.RESOLVED
    ]
    if not unresolved:
        return
    yield "<h2>Unresolved domains</h2>\n<table>\n<tr><th>Domain<th>Status<th>Why<th>For"
    for report in (name_report(answer, audit.monotonic) for answer in unresolved[:ROWS_SHOWN]):
        age = "" if report.age is None else duration(report.age)
        yield f"<tr><td>{_text(report.name)}<td>{report.status}<td>{_text(report.reason)}<td>{age}"
    yield "</table>"
    yield from _more(sum(audit.statuses.get(status, 0) for status in UNSETTLED), "name")


def _more(total: int, noun: str) -> Iterable[str]:
    left_out = total - ROWS_SHOWN
    return [f"<p>And {count(left_out, 'more ' + noun)}."] if left_out > 0 else []
