"""The steps of a change. test_offer.py has what speaks against one, tests/netns runs the commands."""

from __future__ import annotations

from collections.abc import Callable

from lowatch.core.addresses import Address, Prefix, parse_address, parse_prefix
from lowatch.core.findings import Action
from lowatch.core.fixes.ground import Ground
from lowatch.core.fixes.planner import plan_for
from lowatch.core.held import Held, Link
from lowatch.core.plan import Plan, Step
from lowatch.core.surroundings import Route, Surroundings
from tests.unit.core.worlds import VIP, held, route

LO, DUMMY = Link(1, "lo", up=True, loopback=True), Link(2, "dummy0", up=True, kind="dummy")
LOCALHOST = held("127.0.0.1", 8)


class Used:
    """Addresses that are in use."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = [parse_address(one) for one in addresses]

    def of(self, address: Address) -> str:
        return "used" if address in self.addresses else ""

    def inside(self, prefix: Prefix, stays: Callable[[Address], bool]) -> str:
        lost = [one for one in self.addresses if prefix.covers(one) and not stays(one)]
        return "used inside" if lost else ""


def brought(by: Held) -> Route:
    """The local route to the prefix of an address on lo."""
    return Route(by.prefix, "local", ("lo",), 255, by.address, by_kernel=True)


def plan(
    action: Action, one: Held, *beside: Held, routes: tuple[Route, ...] = (), used: Used | None = None
) -> str:
    around = Surroundings((LO, DUMMY), routes=routes)
    found = plan_for(action, one, Ground((LOCALHOST, one, *beside), around), used or Used())
    return found if isinstance(found, str) else _said(found)


def _said(steps: Plan) -> str:
    """Each step with the last octet: "+" adds a host prefix, "-" deletes, "~" deletes the IPv6 route."""
    return " ".join(map(_sign, steps))


def _sign(step: Step) -> str:
    held = step.held
    length = 32 if step.do == "add" else held.prefixlen
    sign = {"add": "+", "remove": "-", "unroute": "~"}[step.do]
    return f"{sign}{'route ' if held.by == 'route' else ''}{held.address[-1]}/{length}"


FIRST, SECOND, THIRD = (
    held(f"192.0.2.{number}", 24, flags=("secondary",) * (number > 10)) for number in (10, 11, 12)
)


def test_what_stays_is_added_before_anything_goes_and_secondaries_go_first() -> None:
    routes = (brought(FIRST),)
    assert plan(Action.REMOVE, FIRST, SECOND, THIRD, routes=routes) == "+11/32 +12/32 -11/24 -12/24 -10/24"
    assert plan(Action.REMOVE, SECOND, FIRST, THIRD, routes=routes) == "+10/32 +12/32 -11/24 -12/24 -10/24"
    assert plan(Action.NARROW, FIRST, SECOND, routes=routes) == "+10/32 +11/32 -11/24 -10/24"


def test_what_is_served_stays_if_it_is_added_and_else_the_plan_is_off() -> None:
    routes = (brought(FIRST),)
    assert (
        plan(Action.REMOVE, FIRST, SECOND, routes=routes, used=Used("192.0.2.11")) == "+11/32 -11/24 -10/24"
    )
    assert plan(Action.REMOVE, FIRST, SECOND, routes=routes, used=Used("192.0.2.99")) == "used inside"
    assert plan(Action.REMOVE, FIRST, SECOND, routes=routes, used=Used("192.0.2.10")) == "used"


def test_prefixes_within_prefixes() -> None:
    """All of them are split: the innermost alone would leave the address local."""
    one, inner, outer = held("192.0.2.5"), held("192.0.2.6", 28), held("192.0.2.7", 24)
    routes = brought(inner), brought(outer)
    assert plan(Action.REMOVE, one, inner, outer, routes=routes) == "+6/32 +7/32 -5/32 -6/28 -7/24"
    assert plan(Action.NARROW, inner, outer, routes=routes) == "+6/32 +7/32 -6/28 -7/24"
    assert plan(Action.NARROW, outer, inner, routes=routes) == "+7/32 -7/24"


def test_the_same_address_several_times() -> None:
    twice = held(VIP, 24), held(VIP), held(VIP, interface="dummy0")
    assert plan(Action.REMOVE, *twice, routes=(brought(twice[0]),)) == "-10/24 -10/32 -10/32"
    assert plan(Action.NARROW, *twice, routes=(brought(twice[0]),)) == "-10/24"


def test_anyip_around_an_address() -> None:
    anyip = Route(parse_prefix("192.0.2.0/24"), "local", ("lo",), 255)
    assert plan(Action.REMOVE, held(VIP), routes=(anyip,)) == "-10/32 -route 0/24"
    assert (
        plan(Action.REMOVE, held(VIP), routes=(anyip, anyip))
        == "the local route 192.0.2.0/24 covers it too"
    )
    assert plan(Action.REMOVE, FIRST, SECOND, routes=(brought(FIRST), anyip)) == (
        "+11/32 -11/24 -10/24 -route 0/24"
    )
    transparent = Route(parse_prefix("0.0.0.0/0"), "local", ("lo",), 100)  # a transparent proxy's
    assert (
        plan(Action.REMOVE, held(VIP), routes=(transparent,)) == "the local route 0.0.0.0/0 covers it too"
    )


def test_a_route_beside_its_address() -> None:
    """The kernel removes its own route with the address, so that the other one is left to be deleted."""
    beside = route("192.0.2.10/32")
    assert plan(Action.REMOVE, held(VIP), beside) == "-10/32 -route 10/32"
    assert plan(Action.REMOVE, beside, held(VIP)) == "-10/32 -route 10/32"


def test_a_peer_keeps_everything_as_it_is() -> None:
    peer = held("10.0.0.1", 24, peer=parse_address("192.0.2.1"))
    assert plan(Action.REMOVE, held(VIP), peer, routes=(brought(peer),)) == (
        "re-adding 10.0.0.1 would lose its peer"
    )


def test_a_secondary_that_another_interface_has_would_be_local_there() -> None:
    other = SECOND._replace(interface="eth0", flags=())
    assert plan(Action.REMOVE, FIRST, SECOND, other, routes=(brought(FIRST),)) == (
        "192.0.2.11 is on eth0, too, and would be local there"
    )
    primary = SECOND._replace(flags=())
    assert plan(Action.NARROW, primary, other, routes=(brought(primary),)) == "+11/32 -11/24"


def test_a_broadcast_address_that_is_held_stays_one() -> None:
    """It would become local with the end of its prefix, and whatever resolves to it would lead here."""
    one, last = held("10.30.2.2", 30), held("10.30.2.3", 32, interface="eth0")
    assert plan(Action.NARROW, one, last, routes=(brought(one),)) == (
        "10.30.2.3 is the broadcast address of 10.30.2.0/30, and would become local"
    )
    assert plan(Action.NARROW, one, held("10.30.2.1"), routes=(brought(one),)) == "+2/32 -2/30"
