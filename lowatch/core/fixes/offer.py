"""Which fix is offered for a finding, or why none is.

A change is offered only if the observations show that it takes nothing else away, and that it ends the
finding. docs/internals/fixes.md lists the reasons against a change.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from lowatch.core.addresses import Address, Port, destination, family_name, is_v4
from lowatch.core.findings import Action, Change, Finding
from lowatch.core.held import Held
from lowatch.core.known import Unknown
from lowatch.core.limits.kernel import FIXES_WEIGHED
from lowatch.core.listeners import MARKED
from lowatch.core.policy import Policy
from lowatch.core.snapshot import Snapshot
from lowatch.core.surroundings import Surroundings
from lowatch.core.verdicts import DomainJudgement

from .ground import Ground
from .shell_commands import command
from .uses import Use, Uses, uses

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
    ground: GroundMemo,
) -> Generator[None, None, tuple[Finding, ...]]:
    """The findings, each with the commands of its proposed change, or why there are none.

    It yields every few milliseconds.
    """
    if not any(finding.proposed for finding in findings):
        return tuple(findings)
    scales = _scales(findings, domains, snapshot, policy, ground)
    offered = []
    for number, finding in enumerate(findings):
        if number % _STEP == 0:
            yield
        change = finding.proposed
        offered.append(finding if change is None else _settled(finding, change, scales))
    return tuple(offered)


class GroundMemo:
    """Keeps the Ground until addresses or routes change: building it for 10,000 takes 30 ms."""

    def __init__(self) -> None:
        self._made_of: tuple[object, ...] = ()
        self._ground: Ground | None = None

    def of(self, held: tuple[Held, ...], around: Surroundings) -> Ground:
        made_of = held, around.links, around.elsewhere, around.routes
        if self._ground is None or made_of != self._made_of:
            self._made_of, self._ground = made_of, Ground((*held, *around.elsewhere), around)
        return self._ground


def _settled(finding: Finding, change: Change, scales: Scales | Unknown) -> Finding:
    """Put the rule's own advice first: bring back what is missing."""
    harm = scales.reason if isinstance(scales, Unknown) else scales.harm_of(change)
    first = finding.advice
    if harm:
        none = f"no command is offered: {harm}"
        return replace(finding, proposed=None, advice=f"{first}; {none}" if first else none, fix=())
    if first:
        first = f"{first}; {_OTHERWISE[change.action, change.held.by]}:"
    return replace(finding, proposed=None, advice=first, fix=finding.fix or (command(change),))


def _scales(
    findings: Sequence[Finding],
    domains: Mapping[str, DomainJudgement],
    snapshot: Snapshot,
    policy: Policy,
    ground_memo: GroundMemo,
) -> Scales | Unknown:
    held, surroundings = snapshot.held, snapshot.surroundings
    if isinstance(held, Unknown):
        return held
    if isinstance(surroundings, Unknown):
        return surroundings
    ground = ground_memo.of(held.value, surroundings.value)
    changes = [one.proposed for one in findings if one.proposed is not None]
    speaking = (
        *uses(snapshot, policy, domains, findings, _concerned(changes)),
        *_preferred(surroundings.value, ground),
    )
    return Scales(snapshot, policy, surroundings.value, ground, Uses(speaking))


def _concerned(changes: Iterable[Change]) -> frozenset[Address] | None:
    """The addresses that the changes remove; None if one removes a whole prefix."""
    held = [change.held for change in changes]
    if all(one.prefix.is_host and one.peer is None for one in held):
        return frozenset(destination(one.address) for one in held)
    return None


def _preferred(around: Surroundings, ground: Ground) -> Iterator[tuple[Address, Use]]:
    """The preferred source addresses: IPv4 routes are removed with theirs (fib_sync_down_addr())."""
    for route in around.routes:
        if route.source is not None and not ground.is_own(route):
            yield route.source, Use(f"is the source that the route {route.prefix} prefers")


class Scales:
    """Weighs changes, each once. The cost is linear in what is held and used, and in the changes."""

    def __init__(
        self, snapshot: Snapshot, policy: Policy, around: Surroundings, ground: Ground, speaking: Uses
    ) -> None:
        self._around = around
        self._ground = ground
        self._uses = speaking
        self._unknown = {v4: _unknown_names(snapshot, policy, v4=v4) for v4 in (True, False)}
        expected = policy.expected_ports | snapshot.srv_ports
        self._wildcards: dict[str, Port] = {}
        for family, port in sorted(around.sockets.wildcards):
            if port in expected or not policy.domains:  # without domains, any port may be expected
                self._wildcards.setdefault(family, port)
        self._known: dict[tuple[Action, int], str] = {}
        """By the identity of what is held, which the snapshot keeps alive: to compare it costs more."""

    def harm_of(self, change: Change) -> str:
        """What harm the change would do, or why it would not help; "" if it is safe and useful."""
        known = change.action, id(change.held) if change.action is not Action.HUSH else 0
        if known not in self._known:
            if len(self._known) >= FIXES_WEIGHED.value:
                FIXES_WEIGHED.reached()
                return f"more than {FIXES_WEIGHED.value:,} changes would be needed"
            self._known[known] = self.weigh(change.action, change.held)
        return self._known[known]

    def weigh(self, action: Action, held: Held) -> str:
        """harm_of() a change that has not been weighed yet."""
        match action:
            case Action.UNROUTE:
                return self._ground.unrouted(held)
            case Action.HUSH:
                return self._ground.arp_restricted()
            case Action.ADD:
                return self._ground.added(held) or self._unserved(held)
            case _:
                return self._unknown[is_v4(held.address)] or self._weigh_taking(action, held)

    def _weigh_taking(self, action: Action, held: Held) -> str:
        if self._around.sockets.marked:
            return MARKED
        if action is Action.NARROW:
            return self._used_inside(held, but=held.address) or self._ground.narrowed(held)
        if held.by == "route":
            return self._used_inside(held) or self._ground.without_route(held)
        inside = self._used_inside(held) if self._ground.brings_prefix(held) else self._wildcard(held)
        return self._uses.of(held.address) or inside or self._ground.without_address(held)

    def _used_inside(self, held: Held, but: Address | None = None) -> str:
        """What is in use inside the prefix, and would no longer be local."""

        def stays(address: Address) -> bool:
            return address == but or self._ground.stays_local(address, without=held)

        return self._uses.inside(held.prefix, stays) or self._wildcard(held)

    def _wildcard(self, held: Held) -> str:
        port = self._wildcards.get(family_name(held.address))
        return "" if port is None else f"a listener on all addresses serves {port} there as well"

    def _unserved(self, held: Held) -> str:
        """A name that may be served elsewhere, and would then lead here, where nothing serves it."""
        name = self._around.unserved.get(held.address)
        return f"{name} resolves to it, and nothing here would serve it" if name else ""


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
