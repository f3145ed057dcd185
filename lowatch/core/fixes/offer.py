"""Which fix is offered for a finding, or why none is.

A change is offered only if the observations show that it takes nothing else away, and that it ends the
finding. docs/internals/fixes.md lists the reasons against a change.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from lowatch.core.addresses import Address, Port, destination, family_name, format_address, is_v4
from lowatch.core.findings import Action, Change, Finding, FindingKind, Fix, Subject
from lowatch.core.held import Held
from lowatch.core.known import Unknown
from lowatch.core.limits.kernel import FIXES_WEIGHED
from lowatch.core.listeners import MARKED
from lowatch.core.plan import Plan, Rehearsal, Step
from lowatch.core.policy import Policy
from lowatch.core.snapshot import Snapshot
from lowatch.core.surroundings import Surroundings
from lowatch.core.verdicts import DomainJudgement

from .ground import Ground
from .planner import plan_for
from .shell_commands import command
from .uses import Uses, UsesMemo, What

_STEP = 64
"""Findings between two pauses."""

_OTHERWISE: Mapping[tuple[Action, str], str] = {
    (Action.REMOVE, "address"): "if it has moved for good, remove the address",
    (Action.REMOVE, "route"): "if it has moved for good, remove the local route",
    (Action.NARROW, "address"): "if it is served elsewhere, narrow the prefix",
    (Action.HUSH, "address"): "otherwise",
    (Action.HUSH, "route"): "otherwise",
}


def fixes_offered(
    findings: Sequence[Finding],
    domains: Mapping[str, DomainJudgement],
    snapshot: Snapshot,
    policy: Policy,
    memo: FixMemo,
) -> Generator[None, None, tuple[Finding, ...]]:
    """The findings, each with the commands of its proposed change, or why there are none.

    It yields every few milliseconds.
    """
    if not any(finding.proposed for finding in findings):
        memo.uses.forget()
        return tuple(findings)
    scales = _scales(findings, domains, snapshot, policy, memo)
    offered = []
    for number, finding in enumerate(findings):
        if number % _STEP == 0:
            yield
        change = finding.proposed
        offered.append(finding if change is None else _settled(finding, change, scales))
    return tuple(offered)


def weighed(
    change: Change,
    findings: Sequence[Finding],
    domains: Mapping[str, DomainJudgement],
    snapshot: Snapshot,
    policy: Policy,
) -> tuple[str, Fix | None]:
    """Why a change should not be made, or else the fix that makes it. findings: all of the audit.

    The snapshot needs the surroundings of the change.
    """
    subject = Subject(FindingKind.IDLE_VIP, change.held.interface, change.held.address)
    asked = Finding(subject, "", proposed=change)
    scales = _scales([*findings, asked], domains, snapshot, policy, FixMemo())
    harm = scales.reason if isinstance(scales, Unknown) else scales.harm_of(change)
    if harm:
        return harm, None
    assert not isinstance(scales, Unknown)
    plan = scales.plan_of(change)
    return "", Fix(change.action, _summary(change), (command(plan),), plan=plan)


class FixMemo:
    """Keeps the Ground until addresses or routes change, and why addresses are in use until that changes.

    For 10,000 addresses the one takes 30 ms to make, the other 20.
    """

    def __init__(self) -> None:
        self.uses = UsesMemo()
        self._made_of: tuple[object, ...] = ()
        self._ground: Ground | None = None

    def ground(self, held: tuple[Held, ...], around: Surroundings) -> Ground:
        made_of = held, around.links, around.elsewhere, around.routes
        if self._ground is None or made_of != self._made_of:
            self._made_of, self._ground = made_of, Ground((*held, *around.elsewhere), around)
        return self._ground


def _settled(finding: Finding, change: Change, scales: Scales | Unknown) -> Finding:
    """Put the rule's own advice first: bring back what is missing."""
    harm = scales.reason if isinstance(scales, Unknown) else scales.harm_of(change)
    first = finding.advice
    if harm:
        no_command = "no command removes it" if finding.fix else "no command is offered"
        none = f"{no_command}: {harm}"
        advice = f"{first}; {none}" if first else none
        return replace(finding, proposed=None, advice=advice, fix=())
    assert not isinstance(scales, Unknown)
    if first:
        first = f"{first}; {_OTHERWISE[change.action, change.held.by]}:"
    hush = change.action is Action.HUSH
    plan = () if hush else scales.plan_of(change)
    fix = Fix(change.action, _summary(change), finding.fix if hush else (command(plan),), plan=plan)
    return replace(finding, proposed=None, advice=first, fixes=(*finding.fixes, fix))


def rehearsed(finding: Finding, fix: Fix, rehearsal: Rehearsal) -> Finding:
    """The finding with the outcome of one of its fixes. One that does harm is not offered any more."""
    fixes = list(finding.fixes)
    number = fixes.index(fix)
    if rehearsal.outcome != "harmful":
        fixes[number] = fix._replace(rehearsal=rehearsal)
        return replace(finding, fixes=tuple(fixes))
    del fixes[number]
    first = finding.advice
    for otherwise in _OTHERWISE.values():
        first = first.removesuffix(f"; {otherwise}:")
    no_command = "no command removes it" if any(one.commands for one in fixes) else "no command is offered"
    why = f"{no_command}: {shown_harm(rehearsal)}"
    return replace(finding, fixes=tuple(fixes), fix=(), advice=f"{first}; {why}" if first else why)


def shown_harm(rehearsal: Rehearsal) -> str:
    """What a rehearsal showed that no plan may do."""
    return f"in a copy of this network, {rehearsal.reason} (a bug in lowatch: please report it)"


def _summary(change: Change) -> str:
    held, what = change.held, format_address(change.held.address)
    match change.action:
        case Action.NARROW:
            return (
                f"if no address of {held.prefix} but those that are held is served here, narrow the prefix"
            )
        case Action.UNROUTE:
            return f"delete the route to {held.prefix}, and keep the address"
        case Action.ADD:
            return f"add {what} to {held.interface}"
        case Action.HUSH:
            return "restrict ARP to the addresses of each NIC"
    if held.by == "route":
        return f"if it has moved for good, remove the local route {held.prefix}"
    return f"if it has moved for good, remove {what} from {held.interface}"


def _scales(
    findings: Sequence[Finding],
    domains: Mapping[str, DomainJudgement],
    snapshot: Snapshot,
    policy: Policy,
    memo: FixMemo,
) -> Scales | Unknown:
    held, surroundings = snapshot.held, snapshot.surroundings
    if isinstance(held, Unknown):
        return held
    if isinstance(surroundings, Unknown):
        return surroundings
    ground = memo.ground(held.value, surroundings.value)
    concerned = _concerned([one.proposed for one in findings if one.proposed is not None], ground)
    preferred = _preferred(surroundings.value, ground)
    in_use = memo.uses.uses(snapshot, policy, domains, findings, concerned, preferred)
    return Scales(snapshot, policy, surroundings.value, ground, in_use)


def _concerned(changes: Iterable[Change], ground: Ground) -> frozenset[Address] | None:
    """The addresses that the changes remove; None if one may remove a whole prefix."""
    held = [change.held for change in changes]
    if not ground.has_wide_prefixes and all(one.prefix.is_host and one.peer is None for one in held):
        return frozenset(destination(one.address) for one in held)
    return None


def _preferred(around: Surroundings, ground: Ground) -> Iterator[tuple[Address, What]]:
    """The preferred source addresses: IPv4 routes are removed with theirs (fib_sync_down_addr())."""
    for route in around.routes:
        if route.source is not None and not ground.is_own(route):
            yield route.source, f"is the source that the route {route.prefix} prefers"


class Scales:
    """Weighs changes, each once. The cost is linear in what is held and used, and in the changes."""

    def __init__(
        self, snapshot: Snapshot, policy: Policy, around: Surroundings, ground: Ground, in_use: Uses
    ) -> None:
        self._around = around
        self._ground = ground
        self._uses = in_use
        self._unknown = {v4: _unknown_names(snapshot, policy, v4=v4) for v4 in (True, False)}
        expected = policy.expected_ports | snapshot.srv_ports
        self._wildcards: dict[str, Port] = {}
        for family, port in sorted(around.sockets.wildcards):
            if port in expected or not policy.domains:  # without domains, any port may be expected
                self._wildcards.setdefault(family, port)
        self._known: dict[tuple[Action, int], str] = {}
        """By the identity of what is held, which the snapshot keeps alive: to compare it costs more."""
        self._plans: dict[tuple[Action, int], Plan] = {}

    def harm_of(self, change: Change) -> str:
        """What harm the change would do, or why it would not help; "" if it is safe and useful."""
        known = _identity(change.action, change.held)
        if known not in self._known:
            if len(self._known) >= FIXES_WEIGHED.value:
                FIXES_WEIGHED.reached()
                return f"more than {FIXES_WEIGHED.value:,} changes would be needed"
            self._known[known] = self.weigh(change.action, change.held)
        return self._known[known]

    def plan_of(self, change: Change) -> Plan:
        """The steps of a change that does no harm."""
        direct: Plan = (Step("add" if change.action is Action.ADD else "remove", change.held),)
        return self._plans.get(_identity(change.action, change.held), direct)

    def weigh(self, action: Action, held: Held) -> str:
        """harm_of() a change that has not been weighed yet."""
        match action:
            case Action.HUSH:
                return self._ground.arp_restricted()
            case Action.ADD:
                return self._ground.added(held) or self._unserved(held)
            case Action.UNROUTE:
                return self._planned(action, held)
            case _:
                return self._unknown[is_v4(held.address)] or self._weigh_taking(action, held)

    def _weigh_taking(self, action: Action, held: Held) -> str:
        if self._around.sockets.marked:
            return MARKED
        return self._planned(action, held) or self._wildcard(held)

    def _planned(self, action: Action, held: Held) -> str:
        plan = plan_for(action, held, self._ground, self._uses)
        if isinstance(plan, str):
            return plan
        self._plans[_identity(action, held)] = plan
        return ""

    def _wildcard(self, held: Held) -> str:
        port = self._wildcards.get(family_name(held.address))
        return "" if port is None else f"a listener on all addresses serves {port} there as well"

    def _unserved(self, held: Held) -> str:
        """A name that may be served elsewhere, and would then lead here, where nothing serves it."""
        name = self._around.unserved.get(held.address)
        return f"{name} resolves to it, and nothing here would serve it" if name else ""


def _identity(action: Action, held: Held) -> tuple[Action, int]:
    return action, id(held) if action is not Action.HUSH else 0


def _unknown_names(snapshot: Snapshot, policy: Policy, *, v4: bool) -> str:
    """The names that may resolve to any address of a family; "" if all are known."""
    if policy.left_out:
        return "other configured domains were not checked"
    if snapshot.overlooked:
        return snapshot.overlooked
    for name, (a, aaaa) in snapshot.unresolved.items():
        if a if v4 else aaaa:
            return f"the {'IPv4' if v4 else 'IPv6'} addresses of {name} are unknown"
    return ""
