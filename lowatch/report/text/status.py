"""The daemon's status as text: the conclusion, a line for each part, then the evidence.

Text from outside is escaped with printable().
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lowatch.core.answers import AnswerStatus
from lowatch.core.audit import Audit
from lowatch.core.findings import Severity
from lowatch.core.lifecycle import FindingState
from lowatch.core.liveness import Liveness
from lowatch.core.printable import printable
from lowatch.core.programs import TraceState
from lowatch.core.words import rfc3339
from lowatch.report.phrases import (
    count,
    duration,
    failed_clients,
    host_and_netns,
    listed,
    served_ago,
    until_because,
)
from lowatch.report.status import (
    STATES,
    DaemonStatus,
    LastReload,
    ZoneStatus,
)

from .findings import SEVERITY_STYLES
from .names import doubts, name_lines
from .screen import Cell, Screen, Style

FIRING_SHOWN = 20
"""Findings shown, about a screen; `lowatch check` and the API have all of them."""
_PROBLEMS_SHOWN = 10
_COLUMN = 11


class _Line(NamedTuple):
    """The line of one part. style: PLAIN if it is fine."""

    label: str
    text: str
    style: Style = Style.PLAIN


def render(status: DaemonStatus, *, colour: bool, width: int) -> str:
    """The output of `lowatch status`: lines of printable ASCII, with SGR sequences if `colour`.

    width: columns of the terminal. Only names, which are never broken, exceed it.
    """
    screen = Screen(colour, width)
    sections = [
        screen.paragraph(*_conclusion(status)),
        [line for part in _parts(status) for line in _part_lines(part, screen)],
        _firing_lines(status, screen),
        _acknowledged_lines(status, screen),
        _problem_lines("Acknowledgements without effect", status.idle.lines(), screen),
        _name_lines(status.audit, screen),
        _problem_lines("Could not be observed", _observation_problems(status), screen),
        _problem_lines("Configuration", status.config_problems, screen),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _conclusion(status: DaemonStatus) -> tuple[str, Style]:
    """For example: lowatch 1.0 on web-17 is running: 1 critical finding firing; the last reload failed."""
    audit = status.audit
    host = "" if audit is None else f" on {host_and_netns(audit.host, audit.netns)}"
    state = "stuck" if status.stuck else "running" if status.ready else "starting"
    reasons = list(_reasons(status))
    what = f": {'; '.join(reasons)}." if reasons else ": no problems."
    if status.stuck or status.digest.group_counts[Severity.CRITICAL, FindingState.FIRING]:
        style = Style.RED
    else:
        style = Style.YELLOW if reasons else Style.GREEN
    return f"lowatch {status.version}{host} is {state}{what}", style


def _reasons(status: DaemonStatus) -> Iterator[str]:
    """All problems, the worst first."""
    for one in status.stuck:
        yield f"no progress from {_overdue(one)}"
    if not status.ready:
        yield printable(status.waits_for)
    counts = [
        (n, s) for s in reversed(Severity) if (n := status.digest.group_counts[s, FindingState.FIRING])
    ]
    if counts:
        numbers = listed([f"{number:,} {severity}" for number, severity in counts])
        noun = "finding" if sum(number for number, _ in counts) == 1 else "findings"
        yield f"{numbers} {noun} firing"
    if status.audit is not None and not status.audit.complete:
        yield "the last audit is incomplete"
    if status.audit is not None:
        yield from doubts(status.audit.statuses, status.audit.names)
        if not (status.audit.searched or any(status.audit.statuses.values())):
            yield "no domain is configured: there is nothing to check"
    yield from _configuration_reasons(status)
    if status.journal_dropped:
        yield f"{count(status.journal_dropped, 'alert')} never reached the journal"


def _configuration_reasons(status: DaemonStatus) -> Iterator[str]:
    if status.last_reload is not None and status.last_reload.error:
        yield "the last reload failed"
    if status.reload_pending:
        yield "a configuration change needs a restart"
    if status.config_problems:
        yield f"the configuration has {count(len(status.config_problems), 'problem')}"


def _parts(status: DaemonStatus) -> Iterator[_Line]:
    since = f"up {duration(status.now - status.started)}, since {rfc3339(status.started)}"
    yield _Line("process", f"pid {status.pid}, {since}")
    waits = printable(status.waits_for)
    yield _Line("state", "ready") if status.ready else _Line("state", f"starting: {waits}", Style.YELLOW)
    if status.liveness:
        yield _health(status)
    yield _Line("watches", ", ".join(map(printable, status.interfaces)) or "no interface")
    yield _Line("held", _held(status))
    yield _Line("domains", _domains(status))
    yield _findings(status)
    yield _audit(status)
    yield _Line("dns", _lag(status.dns_lag) + _far(status))
    yield _Line("netlink", _netlink(status))
    if status.trace is not None:
        yield _trace(status.trace)
    if status.limits:
        reached = (f"{name} {count(times, 'time')}" for name, times in status.limits.items())
        yield _Line("limits", f"reached: {', '.join(reached)}", Style.YELLOW)
    yield _journal(status)
    yield _last_reload(status.last_reload, status.monotonic)
    for line in status.reload_pending.values():
        yield _Line("restart", printable(line), Style.YELLOW)
    yield _configuration(status)
    if status.zones:
        yield _Line("zones", "; ".join(map(_zone, status.zones)))


def _part_lines(part: _Line, screen: Screen) -> list[str]:
    return screen.entry(Cell(part.label, part.style or Style.DIM), part.text, column=_COLUMN)


def _overdue(liveness: Liveness) -> str:
    return (
        f"{printable(liveness.part)} for {_interval(liveness.silent)} (limit {_interval(liveness.limit)})"
    )


def _health(status: DaemonStatus) -> _Line:
    stuck = status.stuck
    if stuck:
        return _Line("health", f"stuck: {listed([_overdue(one) for one in stuck])}", Style.RED)
    parts = [f"{printable(one.part)} {_interval(one.silent)}" for one in status.liveness]
    return _Line("health", f"ok (last progress: {', '.join(parts)} ago)")


def _held(status: DaemonStatus) -> str:
    held = status.held_by_interface()
    total = count(sum(held.values()), "address", "addresses")
    each = ", ".join(f"{printable(interface)} {number:,}" for interface, number in held.items())
    return f"{total}: {each}" if each else total


def _domains(status: DaemonStatus) -> str:
    statuses = {} if status.audit is None else status.audit.statuses
    each = ", ".join(f"{statuses[s]:,} {s}" for s in AnswerStatus if statuses.get(s))
    return (
        f"{sum(statuses.values()):,}: {each}" if each else "none resolved yet" if not status.ready else "0"
    )


def _findings(status: DaemonStatus) -> _Line:
    """For example: critical: 2 firing, 1 pending; info: 1 acknowledged."""
    counts = status.digest.group_counts
    each = []
    for severity in reversed(Severity):
        states = [f"{counts[severity, s]:,} {s}" for s in STATES if counts.get((severity, s))]
        each += [f"{severity}: {', '.join(states)}"] if states else []
    firing = [severity for severity in reversed(Severity) if counts.get((severity, FindingState.FIRING))]
    style = SEVERITY_STYLES[firing[0]] if firing else Style.PLAIN
    return _Line("findings", "; ".join(each) or "none", style)


def _audit(status: DaemonStatus) -> _Line:
    audit = status.audit
    if audit is None:
        return _Line("audit", "none yet", Style.YELLOW)
    took = "" if status.audit_seconds is None else f", took {_interval(status.audit_seconds)}"
    text = f"{_interval(status.monotonic - audit.monotonic)} ago{took}"
    if audit.complete:
        return _Line("audit", f"{text}, complete")
    return _Line("audit", f"{text}, incomplete: {count(len(audit.problems), 'problem')}", Style.YELLOW)


def _lag(seconds: float | None) -> str:
    return "no lookup yet" if seconds is None else f"lag {_interval(seconds)}"


def _far(status: DaemonStatus) -> str:
    """The names that are asked for rarely; "" if there are none."""
    if not status.far_names:
        return ""
    return (
        f"; {count(status.far_names, 'name')} that never led to this host: asked for every "
        f"{duration(status.far_ttl)}, and when an address is added"
    )


def _netlink(status: DaemonStatus) -> str:
    overruns, resyncs = status.netlink_overruns, status.netlink_resyncs
    return f"{count(overruns, 'overrun')}, {count(resyncs, 'resync')}"


def _trace(trace: TraceState) -> _Line:
    """Whether the programs of clients that fail are known."""
    lost = f", {count(trace.lost, 'event')} lost" if trace.lost else ""
    if trace.failure:
        return _Line("trace", f"not read any more: {printable(trace.failure)}{lost}", Style.YELLOW)
    return _Line("trace", f"names programs that fail{lost}", Style.YELLOW if lost else Style.PLAIN)


def _journal(status: DaemonStatus) -> _Line:
    if status.journal_waiting is None:
        return _Line("journal", "disabled, alerts go to stderr")
    text = f"{status.journal_waiting:,} waiting, {status.journal_dropped:,} dropped"
    in_trouble = status.journal_waiting or status.journal_dropped
    return _Line("journal", text, Style.YELLOW if in_trouble else Style.PLAIN)


def _last_reload(last: LastReload | None, now: float) -> _Line:
    if last is None:
        return _Line("reload", "none since start")
    when = f"{_interval(now - last.monotonic)} ago, at {rfc3339(last.at)}"
    if not last.error:
        return _Line("reload", f"succeeded {when}")
    first, *more = [printable(line) for line in last.error.splitlines()] or [""]
    rest = f" (and {count(len(more), 'more error')})" if more else ""
    return _Line(
        "reload", f"failed {when}, keeping the previous configuration: {first}{rest}", Style.YELLOW
    )


def _configuration(status: DaemonStatus) -> _Line:
    files = ", ".join(map(printable, status.config_files)) or "no file, using the defaults"
    if not status.config_problems:
        return _Line("config", files)
    return _Line("config", f"{files}: {count(len(status.config_problems), 'problem')}", Style.YELLOW)


def _zone(zone: ZoneStatus) -> str:
    """For example: corp.example (serial 7): 3 domains here, and 1 wildcard."""
    if zone.name is None:
        return f"{printable(zone.file)}: not read yet"
    wildcards = f", and {count(zone.wildcards, 'wildcard')}" if zone.wildcards else ""
    name = printable(zone.name or ".")
    return f"{name} (serial {zone.serial}): {count(zone.names, 'domain')} here{wildcards}"


def _firing_lines(status: DaemonStatus, screen: Screen) -> list[str]:
    """One line for each group of firing findings."""
    firing = [group for group in status.digest.groups if group.states[FindingState.FIRING]]
    lines = [screen.paint("Firing", Style.BOLD)] if firing else []
    for one in (group.summary() for group in firing[:FIRING_SHOWN]):
        label = Cell(one.severity.upper(), SEVERITY_STYLES[one.severity])
        names = f" ({one.named})" if one.named else ""
        age = one.age(status.monotonic)
        lasting = f"since {rfc3339(one.since)}" if age is None else f"for {duration(age)}"
        served = f", {served_ago(one.last_served, status.now)}" if one.last_served else ""
        hurt = f", {failed_clients(one.hurt)}" if one.hurt else ""
        text = f"{one.kind}: {one.where}{names}, {lasting}{served}{hurt}"
        lines += screen.entry(label, text, column=_COLUMN + 2, indent=2)
    if firing[FIRING_SHOWN:]:
        lines.append(f"  and {len(firing) - FIRING_SHOWN:,} more: see lowatch check, or /api/v1/findings.")
    return lines


def _acknowledged_lines(status: DaemonStatus, screen: Screen) -> list[str]:
    """One line for each group of acknowledged findings."""
    accepted = [group for group in status.digest.groups if group.states[FindingState.ACKNOWLEDGED]]
    lines = [screen.paint("Acknowledged", Style.BOLD)] if accepted else []
    for one in (group.summary() for group in accepted[:FIRING_SHOWN]):
        names = f" ({one.named})" if one.named else ""
        until = f", {until_because(one.acknowledgement)}" if one.acknowledgement else ""
        lines += screen.entry(Cell("-"), f"{one.kind}: {one.where}{names}{until}", column=4, indent=2)
    if accepted[FIRING_SHOWN:]:
        lines.append(f"  and {len(accepted) - FIRING_SHOWN:,} more: see /api/v1/findings.")
    return lines


def _name_lines(audit: Audit | None, screen: Screen) -> list[str]:
    return [] if audit is None else name_lines(audit.names, audit.statuses, audit.monotonic, screen)


def _observation_problems(status: DaemonStatus) -> list[str]:
    problems = () if status.audit is None else status.audit.problems
    # The problems of files of names have a section of their own.
    return [f"{p.source}: {p.message}" for p in problems if p.message not in status.config_problems]


def _problem_lines(title: str, problems: Sequence[str], screen: Screen) -> list[str]:
    lines = [screen.paint(title, Style.BOLD)] if problems else []
    for problem in problems[:_PROBLEMS_SHOWN]:
        lines += screen.entry(Cell("-"), printable(problem), column=4, indent=2)
    if problems[_PROBLEMS_SHOWN:]:
        lines.append(f"  and {len(problems) - _PROBLEMS_SHOWN:,} more: see lowatch status --format json.")
    return lines


def _interval(seconds: float) -> str:
    """Like duration(), but with fractions below ten seconds: "12 ms", "1.5 s"."""
    if seconds < 1:
        return f"{max(0.0, seconds) * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)
