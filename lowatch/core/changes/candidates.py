"""Which findings `lowatch clean` would fix, and how."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import NamedTuple

from lowatch.core.addresses import Address, is_v4
from lowatch.core.findings import Finding, FindingKind, Fix
from lowatch.core.lifecycle import FindingState, Tracked
from lowatch.core.plan import Plan

CLEANED = (FindingKind.ORPHAN_VIP, FindingKind.IDLE_VIP)
"""The kinds that --apply fixes. The others are no remains: their fixes are a person's choice."""


class Known(NamedTuple):
    """What the running daemon knows of a finding. since: wall-clock seconds; None if it does not say."""

    state: FindingState
    since: float | None


Memory = Mapping[str, Known]
"""By key: the daemon's findings."""


class Candidate(NamedTuple):
    """Findings with the same plan, in whichever order; without a plan, those that differ in the port.

    plan: () if there is none. refused: why --apply leaves them alone; "" if it does not. since: of the
    oldest; None if unknown.
    """

    findings: tuple[Finding, ...]
    fix: Fix | None
    refused: str
    since: float | None = None

    @property
    def plan(self) -> Plan:
        return () if self.fix is None else self.fix.plan

    @property
    def key(self) -> str:
        return self.findings[0].key

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(one.key for one in self.findings)


class Filter(NamedTuple):
    """What was asked for. Empty: everything."""

    kinds: frozenset[FindingKind] = frozenset()
    addresses: frozenset[Address] = frozenset()

    def matches(self, finding: Finding) -> bool:
        kind, address = finding.subject.kind, finding.subject.address
        return (not self.kinds or kind in self.kinds) and (not self.addresses or address in self.addresses)


def candidates(tracked: Iterable[Tracked], memory: Memory | None, wanted: Filter) -> list[Candidate]:
    """memory: None if no daemon answers; then the hold is up to the caller."""
    groups: dict[object, list[Tracked]] = {}
    tracked = tuple(tracked)
    subjects = [one.finding.subject for one in tracked]
    # Only of an interface that is down there is a finding without an address.
    down = {one.interface for one in subjects if one.address is None and one.domain is None}
    for one in tracked:
        fix = _fix(one.finding)
        groups.setdefault(_alike(one) if fix is None else frozenset(fix.plan), []).append(one)
    found = [_candidate(group, memory, down) for group in groups.values()]
    return [one for one in found if any(map(wanted.matches, one.findings))]


def _alike(one: Tracked) -> object:
    """Equal for findings without a plan that differ in the port only: their text is the same."""
    finding = one.finding
    return finding.subject._replace(port=None), one.state, finding.message, finding.advice, finding.fix


def _candidate(group: list[Tracked], memory: Memory | None, down: Container[str | None]) -> Candidate:
    findings = tuple(one.finding for one in group)
    times = [memory[one.key].since for one in findings if memory is not None and one.key in memory]
    since = min((time for time in times if time is not None), default=None)
    refused = next(filter(None, (_refused(one, memory) for one in group)), "")
    fix = _fix(findings[0])
    interfaces = [step.held.interface for step in fix.plan if step.held.interface in down] if fix else []
    if not refused and interfaces:
        refused = f"{interfaces[0]} is down: what is removed could not be put back as it was"
    return Candidate(findings, fix, refused, since)


def _fix(finding: Finding) -> Fix | None:
    """The fix that changes addresses or routes; None if there is none."""
    return next((one for one in finding.fixes if one.plan), None)


def _refused(one: Tracked, memory: Memory | None) -> str:
    if one.state is FindingState.ACKNOWLEDGED:
        return "it is acknowledged"
    if one.finding.subject.kind not in CLEANED:
        return f"--apply fixes {' and '.join(CLEANED)} only"
    if _fix(one.finding) is None:
        return "no change is known to be harmless"
    return "" if memory is None else _not_yet(memory.get(one.finding.key))


def _not_yet(known: Known | None) -> str:
    if known is None:
        return "the running daemon does not report it"
    return "" if known.state is FindingState.FIRING else f"for the running daemon it is {known.state}"


def apart(chosen: Iterable[Candidate], on_interface: Mapping[str, int]) -> list[Candidate]:
    """Those that can be carried out after one audit; the others need another one.

    Removing one address with a host prefix changes nothing for another one, unless it is the interface's
    last IPv4 address. Any other plan comes alone. on_interface: how many IPv4 addresses each has.
    """
    chosen = list(chosen)
    left = dict(on_interface)
    together = []
    for one in chosen:
        if not _is_single(one.plan):
            continue
        held = one.plan[0].held
        if is_v4(held.address):
            if left.get(held.interface, 0) <= 1:
                continue
            left[held.interface] -= 1
        together.append(one)
    return together or chosen[:1]


def _is_single(plan: Plan) -> bool:
    return len(plan) == 1 and plan[0].held.by == "address" and plan[0].held.prefix.is_host
