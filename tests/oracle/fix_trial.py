"""Runs every printed fix in its world, and compares what clients reach before and after."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import NamedTuple

from lowatch.app.auditor import Auditor
from lowatch.app.static_resolver import StaticResolver
from lowatch.core.addresses import Port, parse_address
from lowatch.core.findings import Finding, FindingKind
from lowatch.core.policy import Domain, Policy
from lowatch.kernel.host import Host as Kernel
from lowatch.kernel.probe import PatientProber
from lowatch.wiring import SystemClock

from .audits import answer_of
from .clients import Met, Target, meet
from .compare import targets_of
from .hosts import Host, host, reached
from .stage import Opened, staged
from .world import whom


class Printed(NamedTuple):
    """A finding, and one of its commands."""

    finding: Finding
    command: str


def try_fixes(one: Host, counts: Counter[str] | None = None) -> list[str]:
    """Runs the fixes. Returns a line for each harm. counts: counts fixes, and reasons for offering none."""
    with staged(one.world, one.furnish):
        findings = _audit(one)
        neighbours = (
            reached()
        )  # found out in a world of its own: in the fix's world they must not have cached this host
    if counts is not None:
        counts.update(map(_counted, findings))
    return [line for printed in _printed(findings) for line in _try(one, printed, neighbours)]


def survey(seed: int, counts: Counter[str]) -> None:
    """Counts the fixes offered to a plain host, and the reasons for offering none."""
    one = host(seed, plain=True)
    with staged(one.world, one.furnish):
        counts.update(map(_counted, _audit(one)))


def trial(seed: int, counts: Counter[str] | None = None, *, plain: bool | None = None) -> str:
    """The story of a fix that does harm or does not help; "" if there is none."""
    one = host(seed, plain=plain)
    try:
        lines = try_fixes(one, counts)
    except AssertionError as error:
        lines = [f"cannot be built: {error}"]
    if not lines:
        return ""
    where = f"host {seed} (python -m tests.oracle --worlds 0 --fixes 1 --seed {seed}):"
    return "\n".join([where, str(one), *(f"  {line}" for line in lines)])


def _audit(one: Host) -> tuple[Finding, ...]:
    domains = {
        name.name: Domain(name.name, tuple(Port(*port) for port in name.ports), name.any_of)
        for name in one.world.names
    }
    given = StaticResolver(map(answer_of, one.world.names))
    policy = Policy(one.world.watched, domains, expect=tuple(map(parse_address, one.expect)))
    with closing(Kernel(policy)) as kernel:
        auditor = Auditor(kernel, given, PatientProber(), policy, SystemClock(), "oracle")
        _, judgement = asyncio.run(auditor.audit_with_connects())
        return judgement.findings


def _printed(findings: Sequence[Finding]) -> list[Printed]:
    """Each command once: several findings may have the same."""
    found = {command: Printed(finding, command) for finding in findings for command in finding.fix}
    return [one for one in found.values() if not one.command.startswith("systemctl")]


def _try(one: Host, printed: Printed, neighbours: frozenset[str]) -> Iterator[str]:
    with staged(one.world, one.furnish) as opened:
        targets = list(dict.fromkeys(_targets(one, opened)))
        before = meet(opened, targets, frozenset())
        known = {finding.subject.key for finding in _audit(one)}
        done = subprocess.run(
            ["sh", "-ec", printed.command], capture_output=True, text=True, check=False, timeout=60
        )
        taken = frozenset(target for target in targets if before[target].met is Met.TAKEN)
        taken -= _left_to_chance(targets, opened)
        after = meet(opened, targets, taken)
        lost = neighbours - reached(neighbours)
        findings = _audit(one)
    where = f"{printed.finding.subject.key}: {printed.command}"
    if done.returncode:
        yield f"{where}: FAILS: {done.stderr.strip()}"
    for address in sorted(lost):
        yield f"{where}: LOST the neighbour's {address}"
    for target in sorted(taken):
        if after[target].met is not Met.TAKEN:
            yield f"{where}: LOST {' '.join(map(str, target))}: {after[target]}"
    if printed.finding.subject.key in {finding.subject.key for finding in findings}:
        yield f"{where}: FIXES NOTHING"
    if printed.finding.subject.kind is FindingKind.HOLDER_DOWN:
        return  # findings about its addresses were hidden before, and are visible again
    for finding in findings:
        worse = finding.severity.rank >= printed.finding.severity.rank
        if worse and finding.subject.key not in known:
            yield f"{where}: NEW {finding.subject.key}: {finding.message}"


def _targets(one: Host, opened: Sequence[Opened]) -> Iterator[Target]:
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


def _left_to_chance(targets: Iterable[Target], opened: Sequence[Opened]) -> set[Target]:
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
    why = _PORT.sub("PORT", _NAME.sub("NAME", _ADDRESS.sub("ADDRESS", why)))
    return f"{kind}: none: {why or finding.advice or 'no advice'}"
