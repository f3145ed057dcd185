"""Runs every printed fix in its world, and compares what clients reach before and after."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import closing
from traceback import format_exception
from typing import NamedTuple

from lowatch.app.auditor import Auditor
from lowatch.app.rehearsals import kept
from lowatch.app.static_resolver import StaticResolver
from lowatch.core.addresses import Port, parse_address
from lowatch.core.findings import Finding, FindingKind, Fix
from lowatch.core.fixes.rehearsal import Job, goal_of
from lowatch.core.judgement import Judgement
from lowatch.core.plan import Rehearsal
from lowatch.core.policy import Domain, Policy
from lowatch.kernel.host import Host as Kernel
from lowatch.kernel.probe import PatientProber
from lowatch.kernel.rehearsal.rehearser import rehearse
from lowatch.wiring import SystemClock

from .audits import answer_of
from .clients import Met, Target, meet
from .compare import targets_of
from .hosts import Host, host, reached
from .stage import Opened, staged
from .world import whom

_UNCOVERED = FindingKind.BLACK_HOLE_PREFIX, FindingKind.SOURCE_VIP
"""Packets to the prefix leave this host again, and so have a source."""


class Printed(NamedTuple):
    """A finding, and one of its commands. fix: the one that has it."""

    finding: Finding
    command: str
    fix: Fix


def try_fixes(one: Host, counts: Counter[str] | None = None) -> list[str]:
    """Runs the fixes. Returns a line for each harm. counts: counts fixes, and reasons for offering none."""
    with staged(one.world, one.furnish):
        findings = _audit(one).findings
        neighbours = (
            reached()
        )  # found out in a world of its own: in the fix's world they must not have cached this host
    if counts is not None:
        counts.update(map(_counted, findings))
    return [line for printed in _printed(findings) for line in _try(one, printed, neighbours, counts)]


def survey(seed: int, counts: Counter[str]) -> None:
    """Counts the fixes offered to a plain host, and the reasons for offering none."""
    one = host(seed, plain=True)
    with staged(one.world, one.furnish):
        counts.update(map(_counted, _audit(one).findings))


def trial(seed: int, counts: Counter[str] | None = None, *, plain: bool | None = None) -> str:
    """The story of a fix that does harm or does not help; "" if there is none."""
    one = host(seed, plain=plain)
    try:
        lines = try_fixes(one, counts)
    except AssertionError as error:
        lines = format_exception(error)
    if not lines:
        return ""
    where = f"host {seed} (python -m tests.oracle --worlds 0 --fixes 1 --seed {seed}):"
    return "\n".join([where, str(one), *(f"  {line}" for line in lines)])


def _audit(one: Host) -> Judgement:
    domains = {
        name.name: Domain(name.name, tuple(Port(*port) for port in name.ports), name.any_of)
        for name in one.world.names
    }
    given = StaticResolver(map(answer_of, one.world.names))
    policy = Policy(one.world.watched, domains, expect=tuple(map(parse_address, one.expect)))
    with closing(Kernel(policy)) as kernel:
        auditor = Auditor(kernel, given, PatientProber(), policy, SystemClock(), "oracle")
        _, judgement = asyncio.run(auditor.audit_with_connects())
        return judgement


def _printed(findings: Sequence[Finding]) -> list[Printed]:
    """Each command once: several findings may have the same."""
    found = {
        command: Printed(finding, command, fix)
        for finding in findings
        for fix in finding.fixes
        for command in fix.commands
    }
    return [one for one in found.values() if not one.command.startswith("systemctl")]


def _try(
    one: Host, printed: Printed, neighbours: frozenset[str], counts: Counter[str] | None
) -> Iterator[str]:
    rehearsal, lines = _tried(one, printed, neighbours)
    yield from lines
    if rehearsal is None:
        return
    if counts is not None:
        counts[f"rehearsal: {rehearsal.outcome} {_general(rehearsal.reason)}".strip()] += 1
    where = f"{printed.finding.subject.key}: {printed.command}"
    harm = [line for line in lines if not line.startswith(f"{where}: NEW")]
    if rehearsal.outcome == "harmful" and not harm:
        yield f"{where}: REHEARSED AS HARMFUL: {rehearsal.reason}"
    if rehearsal.outcome == "safe" and harm:
        yield f"{where}: REHEARSED AS SAFE"


def _rehearse(printed: Printed, judgement: Judgement, one: Host) -> Rehearsal | None:
    goal = goal_of(printed.finding, printed.fix) if printed.fix.plan else None
    if goal is None:
        return None
    endpoints = (endpoint for judged in judgement.domains.values() for endpoint in judged.endpoints)
    policy = Policy(expect=tuple(map(parse_address, one.expect)))
    [rehearsal] = rehearse([Job(printed.fix.plan, goal, kept(endpoints, policy))])
    return rehearsal


def _tried(one: Host, printed: Printed, neighbours: frozenset[str]) -> tuple[Rehearsal | None, list[str]]:
    """What the rehearsal says, and what then happens."""
    with staged(one.world, one.furnish) as opened:
        targets = list(dict.fromkeys(targets_at(one, opened)))
        before = meet(opened, targets, frozenset())
        judgement = _audit(one)
        known = {finding.subject.key for finding in judgement.findings}
        rehearsal = _rehearse(printed, judgement, one)
        done = subprocess.run(
            ["sh", "-ec", printed.command], capture_output=True, text=True, check=False, timeout=60
        )
        taken = frozenset(target for target in targets if before[target].met is Met.TAKEN)
        taken -= left_to_chance(targets, opened)
        after = meet(opened, targets, taken)
        lost = neighbours - reached(neighbours)
        findings = _audit(one).findings
    lines = [f"FAILS: {done.stderr.strip()}"] if done.returncode else []
    lines += [f"LOST the neighbour's {address}" for address in sorted(lost)]
    lines += [
        f"LOST {' '.join(map(str, target))}: {after[target]}"
        for target in sorted(taken)
        if after[target].met is not Met.TAKEN
    ]
    lines += _of_findings(printed, known, findings)
    where = f"{printed.finding.subject.key}: {printed.command}"
    return rehearsal, [f"{where}: {line}" for line in lines]


def _of_findings(printed: Printed, known: Container[str], findings: Sequence[Finding]) -> Iterator[str]:
    """known: the keys of the findings before the fix."""
    if printed.finding.subject.key in {finding.subject.key for finding in findings}:
        yield "FIXES NOTHING"
    if printed.finding.subject.kind is FindingKind.HOLDER_DOWN:
        return  # findings about its addresses were hidden before, and are visible again
    for finding in findings:
        if (printed.finding.subject.kind, finding.subject.kind) == _UNCOVERED:
            continue
        worse = finding.severity.rank >= printed.finding.severity.rank
        if worse and finding.subject.key not in known:
            yield f"NEW {finding.subject.key}: {finding.message}"


def targets_at(one: Host, opened: Sequence[Opened]) -> Iterator[Target]:
    """All targets of names, all sockets, and every expected port of every address."""
    for name in one.world.names:
        yield from targets_of(name)
    ports = dict.fromkeys(port for name in one.world.names for port in name.ports)
    held = [str(holding.exact) for holding in one.world.holdings if holding.exact is not None]
    yield from (Target(address, *port) for address in held for port in ports)
    for socket in opened:
        if (socket.spec.protocol, socket.spec.state) == ("tcp", "bound"):
            continue  # it accepts nothing, and a wildcard that serves its port is not expected by a name
        address = whom(socket.spec.address)
        yield Target(str(address), socket.spec.port, socket.spec.protocol)


def left_to_chance(targets: Iterable[Target], opened: Sequence[Opened]) -> set[Target]:
    """Targets where a client may get the full socket of a REUSEPORT group, or another one."""
    full = {(one.spec.port, one.spec.protocol) for one in opened if one.full and one.spec.reuseport}
    return {target for target in targets if (target.port, target.protocol) in full}


_ADDRESS = re.compile(r"(?<![\w.-])(?:[0-9a-f]*:[0-9a-f:.]+|\d+\.\d+\.\d+\.\d+)(?:/\d+)?(?![\w-])")
_NAME = re.compile(r"[\w-]+\.example\.com")
_PORT = re.compile(r"\d+/(tcp|udp)")


def _counted(finding: Finding) -> str:
    kind = finding.subject.kind
    if finding.fix:
        return f"{kind}: fix"
    _, _, why = finding.advice.partition("no command is offered: ")
    return f"{kind}: none: {_general(why) or finding.advice or 'no advice'}"


def _general(why: str) -> str:
    return _PORT.sub("PORT", _NAME.sub("NAME", _ADDRESS.sub("ADDRESS", why)))
