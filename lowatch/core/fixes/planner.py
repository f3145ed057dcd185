"""Plans a change so that it takes nothing else away, or says why there is no such plan.

What is to stay is added with a host prefix first, so that it is local at any moment. Only then is anything
deleted: an interface's secondary addresses before their primary one, addresses before routes. So the result
is the same whether `promote_secondaries` is set or not. Sources: docs/internals/fixes.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from lowatch.core.addresses import Address, Prefix, format_address, host_length, is_v4
from lowatch.core.findings import Action
from lowatch.core.held import TABLE_LOCAL, Held
from lowatch.core.limits.kernel import FIX_STEPS
from lowatch.core.plan import Plan, Step
from lowatch.core.surroundings import Route

from .ground import Ground, lost_when_added_again

_LONGEST_WITH_BROADCAST = 30


class InUse(Protocol):
    """Says in a few words why an address must stay; "" if there is no reason."""

    def of(self, address: Address) -> str: ...

    def inside(self, prefix: Prefix, stays: Callable[[Address], bool]) -> str: ...


class _NoPlanError(Exception):
    """Why there is no plan, in a few words."""


def plan_for(action: Action, held: Held, ground: Ground, in_use: InUse) -> Plan | str:
    """The steps, or why there are none. action: REMOVE, NARROW or UNROUTE."""
    draft = _Draft(ground, held)
    try:
        match action:
            case Action.UNROUTE:
                return _unrouting(held, ground)
            case Action.NARROW:
                if not ground.brings_prefix(held):
                    return f"{held.prefix} does not come with the address"
                draft.split(held)
                draft.uncover(held.prefix)
            case _ if held.by == "route" and not held.prefix.is_host:
                draft.drop(held)
                draft.uncover(held.prefix)
            case _:
                _refuse(in_use.of(held.address))
                draft.take(held)
                draft.uncover(Prefix(held.address, host_length(held.address)))
        return draft.checked(in_use)
    except _NoPlanError as error:
        return str(error)


def _refuse(why: str) -> None:
    if why:
        raise _NoPlanError(why)


def _unrouting(held: Held, ground: Ground) -> Plan:
    """Deletes every route that leads the prefix into an interface without neighbours."""
    if not ground.swallows(held.interface):
        raise _NoPlanError(f"other hosts may be reachable through {held.interface}")
    steps: dict[tuple[Prefix, str], Step] = {}
    for route in ground.nowhere_over(held.prefix):
        cause = ground.comes_with(route)
        own = (route.prefix, route.interfaces) == (held.prefix, (held.interface,))
        if cause is None or not ground.is_plain(route):
            through = f" through {route.interfaces[0]}" if route.interfaces else ""
            but = "is not as the kernel adds it" if own else "covers it too"
            raise _NoPlanError(f"the route {route.prefix}{'' if own else through} {but}")
        if (route.prefix, cause.interface) in steps:
            raise _NoPlanError(f"the route {route.prefix} is there twice")
        steps[route.prefix, cause.interface] = Step("unroute", cause)
    if (held.prefix, held.interface) not in steps:
        raise _NoPlanError(f"the route {held.prefix} was not found")
    return _bounded(steps.values())


class _Draft:
    """Collects what is added and deleted, each once, in the order in which it is found."""

    def __init__(self, ground: Ground, about: Held) -> None:
        self._ground = ground
        self._about = about
        self._target: Address | None = None  # the address that is to go
        self._added: dict[tuple[Address, str], Held] = {}
        self._addresses: dict[Held, None] = {}
        self._routes: dict[tuple[Prefix, str], Held] = {}
        self._lost: dict[Prefix, None] = {}  # prefixes that are local no more
        self._seen: set[tuple[Prefix, str]] = set()  # where a wide route was found

    def take(self, held: Held) -> None:
        """Remove everything that makes exactly its address local."""
        self._target = held.address
        holders = self._ground.holders_of(held.address)
        for one in dict.fromkeys((held, *holders)):
            if one.by == "route":
                self._take_route(one, held)
            elif one == held or self._ground.is_a_holder(one):
                self._take_address(one)
            else:
                raise _NoPlanError(f"an address on {one.interface} keeps it local")
        if len(set(holders)) < len(holders):
            raise _NoPlanError(f"a local route on {held.interface} keeps it local")

    def _take_route(self, one: Held, held: Held) -> None:
        place = one.prefix, one.interface
        if place in self._routes or (one != held and one.table not in (None, TABLE_LOCAL)):
            raise _NoPlanError(f"a local route on {one.interface} keeps it local")
        self._routes[place] = one

    def _take_address(self, one: Held) -> None:
        _refuse(self._ground.unlike_a_vip(one))
        _refuse(self._ground.source_of_others(one))
        self._addresses[one] = None
        if self._ground.brings_prefix(one):
            self._lost[one.prefix] = None
        if is_v4(one.address) and "secondary" not in one.flags:
            self.split(one)  # the others go with their primary one

    def split(self, held: Held) -> None:
        """Give each address of an interface's prefix, except the one to be removed, a prefix of its own."""
        members = self._ground.network_of(held)
        if len(members) > FIX_STEPS.value:
            _refuse(_too_many())
        for one in members:
            self._addresses[one] = None
            if one.address != self._target:
                self._add(one)
            if self._ground.brings_prefix(one):
                self._lost[one.prefix] = None

    def _add(self, held: Held) -> None:
        """Add it with a host prefix, unless the interface has it with one already."""
        lost = lost_when_added_again(held)
        name = "the address" if held.address == self._about.address else format_address(held.address)
        _refuse(f"re-adding {name} would lose its {lost}" if lost else "")
        _refuse(self._ground.source_of_others(held))
        holders = self._ground.holders_of(held.address)
        elsewhere = [one.interface for one in holders if one.interface != held.interface]
        if elsewhere and "secondary" in held.flags:  # its local route goes, and the new one is the last
            raise _NoPlanError(f"{name} is on {elsewhere[0]}, too, and would be local there")
        there = (one for one in holders if one.interface == held.interface)
        if not any(one.by == "address" and one.prefix.is_host for one in there):
            self._added[held.address, held.interface] = held

    def uncover(self, prefix: Prefix) -> None:
        """Delete whatever makes all of a prefix local: routes, and the addresses that brought some."""
        for route in self._ground.wide_over(prefix):
            cause = self._ground.comes_with(route)
            if cause is not None:
                self.split(cause)
            else:
                self._uncover_route(route)

    def drop(self, route: Held) -> None:
        """Delete a local route to a prefix."""
        self._routes[route.prefix, route.interface] = route
        self._lost[route.prefix] = None

    def _uncover_route(self, route: Route) -> None:
        """One that came with no address (AnyIP)."""
        interface = route.interfaces[0] if len(route.interfaces) == 1 else ""
        place = route.prefix, interface
        plain = route.table == TABLE_LOCAL and not route.by_kernel and route.source is None
        known = place in self._routes
        if place in self._seen or not (known or (plain and self._ground.swallows(interface))):
            raise _NoPlanError(f"the local route {route.prefix} covers it too")
        self._seen.add(place)
        if not known:
            self.drop(Held(*route.prefix, interface, "route", table=route.table))

    def checked(self, in_use: InUse) -> Plan:
        """The steps, unless they would take something away that is in use."""
        added, routes = tuple(self._added.values()), tuple(self._routes.values())
        for prefix in self._lost:
            _refuse(in_use.inside(prefix, self._stays))
            _refuse(self._uncovers(prefix))
        _refuse(self._ground.lost_with_the_last((*self._addresses, *routes), added))
        secondaries_first = sorted(self._addresses, key=lambda one: "secondary" not in one.flags)
        return _bounded(
            [
                *(Step("add", one) for one in added),
                *(Step("remove", one) for one in (*secondaries_first, *routes)),
            ]
        )

    def _uncovers(self, prefix: Prefix) -> str:
        """Why not to delete a prefix whose broadcast address is held: only then does that become local."""
        if not is_v4(prefix.address) or prefix.length > _LONGEST_WITH_BROADCAST:
            return ""
        last = Address((int.from_bytes(prefix.address) | 0xFFFFFFFF >> prefix.length).to_bytes(4))
        if last == self._target or not self._ground.holders_of(last):
            return ""
        return f"{format_address(last)} is the broadcast address of {prefix}, and would become local"

    def _stays(self, address: Address) -> bool:
        """Whether exactly this address is local before, during and after the change."""
        if any(one == address for one, _ in self._added):
            return True
        return any(self._keeps(one) for one in self._ground.holders_of(address))

    def _keeps(self, holder: Held) -> bool:
        """Whether it makes its address local, and is not deleted. A route in another table may not."""
        if holder.by == "address":
            return holder not in self._addresses
        return holder.table in (None, TABLE_LOCAL) and (holder.prefix, holder.interface) not in self._routes


def _too_many() -> str:
    FIX_STEPS.reached()
    return f"more than {FIX_STEPS.value:,} commands would be needed"


def _bounded(steps: Iterable[Step]) -> Plan:
    plan = tuple(steps)
    _refuse(_too_many() if len(plan) > FIX_STEPS.value else "")
    return plan
