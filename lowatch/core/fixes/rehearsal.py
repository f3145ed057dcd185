"""Judges a rehearsal: whether a plan's effect on a copy of the network is what was meant, and nothing else.

The kernel's answers before and after are all that counts here. Nothing is derived from the plan but what it
is allowed to change (docs/internals/fixes.md).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from lowatch.core.addresses import (
    Address,
    Prefix,
    destination,
    format_address,
    host_length,
    is_link_local,
)
from lowatch.core.findings import Action, Finding, Fix
from lowatch.core.held import TABLE_LOCAL, Held
from lowatch.core.plan import Plan
from lowatch.core.surroundings import Route

_FIRST = 16
"""The first addresses of a prefix are often held; this many are tried."""
_UNSET = {Prefix(Address(bytes(size)), 0): Address(bytes([first, *[0] * (size - 2), 9])) for size, first in
          ((4, 9), (16, 0x2A))}  # fmt: skip
"""For a default route, an address that hardly any other route covers."""


_MULTICAST_V6 = 0xFF


class Goal(NamedTuple):
    """How the kernel shows that a finding is gone. what: of `prefix`, a host's or a wider one."""

    what: Literal["not local", "local", "not led away"]
    prefix: Prefix


class Job(NamedTuple):
    """A plan to be rehearsed. kept: addresses that must stay local, held or not."""

    plan: Plan
    goal: Goal
    kept: tuple[Address, ...] = ()


class Delivered(NamedTuple):
    """What routing does with packets to an address.

    interface: "" if there is no route. length: of the prefix of the route.
    """

    local: bool
    interface: str
    length: int = 0


class Leaving(NamedTuple):
    """How packets to an address leave. source: None if there is no address that they could have."""

    source: Address | None
    interface: str

    def __str__(self) -> str:
        source = "no address" if self.source is None else format_address(self.source)
        return f"{source} through {self.interface}"


class Observed(NamedTuple):
    """A network. held: the addresses of all interfaces. routes: of all tables.

    deliveries, sources: the answers for the addresses that were asked. None: no packet is sent there.
    """

    held: tuple[Held, ...]
    routes: tuple[Route, ...]
    deliveries: Mapping[Address, Delivered]
    sources: Mapping[Address, Leaving | None]


def goal_of(finding: Finding, fix: Fix) -> Goal | None:
    """None if the finding is about no address."""
    address, length = finding.subject.address, finding.subject.prefixlen
    if address is None:
        return None
    address = destination(address)
    prefix = Prefix(address, host_length(address) if length is None else length)
    match fix.action:
        case Action.ADD:
            return Goal("local", prefix)
        case Action.UNROUTE:
            return Goal("not led away", prefix)
        case _:
            return Goal("not local", prefix)


class Asked(NamedTuple):
    """The addresses whose delivery matters. witnesses: one of them can show whether the goal is reached."""

    witnesses: tuple[Address, ...]
    others: tuple[Address, ...]


def deliveries_asked(goal: Goal, held: Iterable[Held], kept: Iterable[Address]) -> Asked:
    """kept: addresses that are served or expected, held or not; even the one that the goal is about."""
    kept = frozenset(kept)
    addresses = (*(one.address for one in held), *sorted(kept))
    known = dict.fromkeys(one for one in addresses if not is_link_local(one))
    witnesses: tuple[Address, ...] = (goal.prefix.address,)
    if not goal.prefix.is_host:
        witnesses = tuple(one for one in dict.fromkeys(_spread(goal.prefix)) if one not in known)
    stay = kept if goal.what == "not local" else frozenset()
    return Asked(witnesses, tuple(one for one in known if one not in witnesses or one in stay))


def _spread(prefix: Prefix) -> Iterator[Address]:
    """Addresses of a prefix: the first ones, and those after each half, quarter... up to the end."""
    size = len(prefix.address)
    first, count = int.from_bytes(prefix.address), 2 ** (size * 8 - prefix.length)
    steps = [count - count // 2**power for power in range(size * 8)]
    for offset in (*range(1, _FIRST), *(step + 1 for step in steps)):
        if offset < count - 1 or count < 4:
            yield Address((first + min(offset, count - 1)).to_bytes(size))


def sources_asked(routes: Iterable[Route], swallows: Iterable[str]) -> list[Address]:
    """An address behind each route by which packets leave this host."""
    nowhere = frozenset(swallows)
    asked: dict[Address, None] = {}
    for route in routes:
        prefix = route.prefix
        if route.kind != "unicast" or not nowhere.isdisjoint(route.interfaces):
            continue
        if is_link_local(prefix.address) or prefix.address[0] == _MULTICAST_V6:
            continue  # the same prefix behind every interface
        one = prefix.address if prefix.is_host else next(_spread(prefix))
        asked[_UNSET.get(prefix, one)] = None
    return list(asked)


def witness_of(goal: Goal, asked: Asked, before: Observed) -> Address | None:
    """An address that shows the finding before anything is done; None if there is none."""
    if (
        goal.what == "not local"
        and goal.prefix.is_host
        and any(one.address == goal.prefix.address for one in before.held)
    ):
        return goal.prefix.address  # held, though it may be the broadcast address of another prefix
    found = ((one, before.deliveries[one]) for one in asked.witnesses)
    return next((one for one, now in found if _shows(goal, now)), None)


def _shows(goal: Goal, now: Delivered) -> bool:
    match goal.what:
        case "local":
            return not now.local
        case "not local":
            return now.local and (goal.prefix.is_host or now.length == goal.prefix.length)
    return not now.local and now.interface != "" and now.length == goal.prefix.length


def effect(job: Job, asked: Asked, before: Observed, after: Observed) -> str:
    """What is wrong about a plan's effect; "" if it ends the finding and takes nothing else away."""
    plan, goal, _ = job
    allowed = _Allowed(plan)
    return (
        _of_addresses(allowed, before.held, after.held)
        or _of_routes(allowed, before.routes, after.routes)
        or _of_deliveries(asked.others, before.deliveries, after.deliveries)
        or _of_goal(goal, asked, before, after)
        or _of_sources(before.sources, after.sources)
    )


class _Allowed:
    """What a plan says that it changes."""

    def __init__(self, plan: Plan) -> None:
        self.added = {(one.held.address, one.held.interface) for one in plan if one.do == "add"}
        removed = [one.held for one in plan if one.do == "remove"]
        self.removed = {
            (one.address, one.prefixlen, one.interface) for one in removed if one.by == "address"
        }
        self._networks = {(one.prefix, one.interface) for one in removed if one.by == "address"}
        self._routes = {
            (one.prefix, one.interface, one.table or TABLE_LOCAL) for one in removed if one.by == "route"
        }
        self._unrouted = {(one.held.prefix, one.held.interface) for one in plan if one.do == "unroute"}
        self._hosts = {(address, interface) for address, _, interface in self.removed}

    def addition(self, held: Held) -> bool:
        return held.prefix.is_host and held.peer is None and (held.address, held.interface) in self.added

    def lost(self, route: Route) -> bool:
        """Whether a route may go: one of the plan's, or one that the kernel added for a removed address."""
        interface, prefix = ", ".join(route.interfaces), route.prefix
        if route.kind == "local" and (prefix, interface, route.table) in self._routes:
            return True
        if route.kind == "unicast" and (prefix, interface) in self._unrouted:
            return True
        if not route.by_kernel:
            return False
        hosts = self._hosts | self.added  # the source of a host route may change with it
        if prefix.is_host and (prefix.address, interface) in hosts:
            return True
        return (prefix, interface) in self._networks

    def gained(self, route: Route) -> bool:
        """Whether a route may come: one that the kernel adds for an added address."""
        interface = ", ".join(route.interfaces)
        return route.by_kernel and route.prefix.is_host and (route.prefix.address, interface) in self.added


def _of_addresses(allowed: _Allowed, before: tuple[Held, ...], after: tuple[Held, ...]) -> str:
    was, now = Counter(before), Counter(after)
    for one in was - now:
        if (one.address, one.prefixlen, one.interface) not in allowed.removed:
            changed = any((one.address, one.interface) == (x.address, x.interface) for x in now - was)
            return f"it would also {'change' if changed else 'remove'} {_named(one)}"
    for one in now - was:
        if not allowed.addition(one):
            return f"it would also add {_named(one)}"
    for one in now:
        if (one.address, one.prefixlen, one.interface) in allowed.removed and not allowed.addition(one):
            return f"{_named(one)} would stay"
    there = {(one.address, one.interface) for one in now}
    missing = sorted(allowed.added - there)
    return f"{format_address(missing[0][0])} would not be added" if missing else ""


def _named(held: Held) -> str:
    return f"{format_address(held.address)}/{held.prefixlen} on {held.interface}"


def _of_routes(allowed: _Allowed, before: tuple[Route, ...], after: tuple[Route, ...]) -> str:
    was, now = Counter(before), Counter(after)
    for one in was - now:
        if not allowed.lost(one):
            changed = any((one.prefix, one.table) == (x.prefix, x.table) for x in now - was)
            return f"it would also {'change' if changed else 'remove'} the route {one.prefix}"
    for one in now - was:
        if not allowed.gained(one) and not allowed.lost(one):
            return f"it would also add the route {one.prefix}"
    return ""


def _of_deliveries(
    asked: Iterable[Address], before: Mapping[Address, Delivered], after: Mapping[Address, Delivered]
) -> str:
    for address in asked:
        was, now = before[address], after[address]
        if was.local and not now.local:
            return f"{format_address(address)} would not be local any more"
        if now.local and not was.local:
            return f"{format_address(address)} would become local"
        if was.local and was.interface != now.interface:
            return f"{format_address(address)} would be local on {now.interface or 'another interface'}"
    return ""


def _of_goal(goal: Goal, asked: Asked, before: Observed, after: Observed) -> str:
    witness = witness_of(goal, asked, before)
    if witness is None:
        return f"nothing shows what {goal.prefix} does"
    now, text = after.deliveries[witness], format_address(witness)
    match goal.what:
        case "local":
            return "" if now.local else f"{text} would not become local"
        case "not local":
            return f"{text} would stay local" if now.local else ""
    stays = now == before.deliveries[witness]
    return f"{text} would still be routed to {now.interface}" if stays else ""


def _of_sources(before: Mapping[Address, Leaving | None], after: Mapping[Address, Leaving | None]) -> str:
    for address, was in before.items():
        now = after[address]
        if now == was or was is None or (was.source is None and now is not None):
            continue  # as before, or better
        instead = f"{now or 'nowhere'} instead of {was}"
        return f"packets to {format_address(address)} would leave from {instead}"
    return ""
