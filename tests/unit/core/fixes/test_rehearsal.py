"""What a plan's effect must be, and must not be."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from lowatch.core.addresses import Address, Prefix, format_address, parse_address, parse_prefix
from lowatch.core.findings import Action, Finding, FindingKind, Fix, Subject
from lowatch.core.fixes.rehearsal import (
    Asked,
    Delivered,
    Goal,
    Job,
    Leaving,
    Observed,
    deliveries_asked,
    effect,
    goal_of,
    sources_asked,
    witness_of,
)
from lowatch.core.held import Held
from lowatch.core.plan import Plan, Step
from lowatch.core.surroundings import Route

A = parse_address("192.0.2.10")
B = parse_address("192.0.2.11")
FAR = parse_address("203.0.113.9")
HERE, GONE = Delivered(local=True, interface="lo", length=32), Delivered(local=False, interface="eth0")
VIP, OTHER = Held(A, 32, "lo"), Held(B, 32, "lo")
LEAVES = Leaving(parse_address("198.51.100.1"), "eth0")
REMOVAL: Plan = (Step("remove", VIP),)
NOT_LOCAL = Goal("not local", Prefix(A, 32))
ASKED = Asked((A,), (B,))


def kernels(prefix: str, source: Address, interface: str = "lo", kind: str = "local") -> Route:
    return Route(parse_prefix(prefix), kind, (interface,), 255, source, by_kernel=True)  # type: ignore[arg-type]


OF_A, OF_B = kernels("192.0.2.10/32", A), kernels("192.0.2.11/32", B)
BY_HAND = Route(parse_prefix("10.9.0.0/16"), "local", ("lo",), 255)
BEFORE = Observed((VIP, OTHER), (OF_A, OF_B, BY_HAND), {A: HERE, B: HERE}, {FAR: LEAVES})
AFTER = Observed((OTHER,), (OF_B, BY_HAND), {A: GONE, B: HERE}, {FAR: LEAVES})


def judged(after: Observed, plan: Plan = REMOVAL, before: Observed = BEFORE) -> str:
    return effect(Job(plan, NOT_LOCAL), ASKED, before, after)


def test_exactly_what_was_meant() -> None:
    assert judged(AFTER) == ""


INSTEAD = "instead of 198.51.100.1 through eth0"
MOVED: Mapping[str, tuple[Observed, str]] = {
    "another address goes": (
        AFTER._replace(held=()),
        "it would also remove 192.0.2.11/32 on lo",
    ),
    "another address changes": (
        AFTER._replace(held=(OTHER._replace(flags=("secondary",)),)),
        "it would also change 192.0.2.11/32 on lo",
    ),
    "an address comes": (
        AFTER._replace(held=(OTHER, Held(B, 24, "eth0"))),
        "it would also add 192.0.2.11/24 on eth0",
    ),
    "it stays": (BEFORE, "192.0.2.10/32 on lo would stay"),
    "a route goes": (
        AFTER._replace(routes=(OF_B,)),
        "it would also remove the route 10.9.0.0/16",
    ),
    "a route changes": (
        AFTER._replace(routes=(OF_B, BY_HAND._replace(source=B))),
        "it would also change the route 10.9.0.0/16",
    ),
    "one of two equal routes comes": (
        AFTER._replace(routes=(OF_B, BY_HAND, BY_HAND)),
        "it would also add the route 10.9.0.0/16",
    ),
    "the kernel's route of another one goes": (
        AFTER._replace(routes=(BY_HAND,)),
        "it would also remove the route 192.0.2.11/32",
    ),
    "another one is local no more": (
        AFTER._replace(deliveries={A: GONE, B: GONE}),
        "192.0.2.11 would not be local any more",
    ),
    "another one is local elsewhere": (
        AFTER._replace(deliveries={A: GONE, B: HERE._replace(interface="dummy0")}),
        "192.0.2.11 would be local on dummy0",
    ),
    "it is local all the same": (
        AFTER._replace(deliveries={A: HERE, B: HERE}),
        "192.0.2.10 would stay local",
    ),
    "packets leave from another address": (
        AFTER._replace(sources={FAR: LEAVES._replace(source=B)}),
        f"packets to 203.0.113.9 would leave from 192.0.2.11 through eth0 {INSTEAD}",
    ),
    "packets leave no more": (
        AFTER._replace(sources={FAR: None}),
        f"packets to 203.0.113.9 would leave from nowhere {INSTEAD}",
    ),
}


@pytest.mark.parametrize(("after", "wrong"), MOVED.values(), ids=MOVED)
def test_anything_else_is_wrong(after: Observed, wrong: str) -> None:
    assert judged(after) == wrong


def test_one_that_becomes_local() -> None:
    before = BEFORE._replace(deliveries={A: HERE, B: GONE})
    assert judged(AFTER, before=before) == "192.0.2.11 would become local"


def test_packets_that_had_no_source_may_get_one() -> None:
    before = BEFORE._replace(sources={FAR: Leaving(None, "eth0")})
    assert judged(AFTER, before=before) == ""
    assert judged(AFTER, before=before._replace(sources={FAR: None})) == ""


def test_what_is_added_must_be_there() -> None:
    plan = (Step("add", Held(B, 24, "lo")), *REMOVAL)
    without = AFTER._replace(held=(), deliveries={A: GONE, B: HERE})
    before = BEFORE._replace(held=(VIP,))
    assert judged(without, plan, before) == "192.0.2.11 would not be added"
    assert judged(AFTER, plan, before) == ""


def test_the_routes_of_an_added_address_come_and_its_prefix_goes() -> None:
    primary = Held(B, 24, "lo")
    plan = (Step("add", primary), Step("remove", primary), *REMOVAL)
    network = kernels("192.0.2.0/24", B)
    before = BEFORE._replace(held=(VIP, primary), routes=(OF_A, network, BY_HAND))
    assert judged(AFTER, plan, before) == ""
    assert judged(AFTER._replace(routes=(OF_B, network, BY_HAND)), plan, before) == ""
    assert judged(AFTER, REMOVAL, before).startswith("it would also change 192.0.2.11/24")


def test_a_route_of_the_plan_may_go() -> None:
    held = Held(BY_HAND.prefix.address, 16, "lo", "route", table=255)
    job = Job((Step("remove", held),), Goal("not local", BY_HAND.prefix))
    inside = parse_address("10.9.0.1")
    asked = Asked((inside,), (A,))
    wide = HERE._replace(length=16)
    before = BEFORE._replace(deliveries={inside: wide, A: HERE})
    after = BEFORE._replace(routes=(OF_A, OF_B), deliveries={inside: GONE, A: HERE})
    assert effect(job, asked, before, after) == ""
    other_table = before._replace(routes=(OF_A, OF_B, BY_HAND._replace(table=100)))
    assert effect(job, asked, other_table, after) == "it would also remove the route 10.9.0.0/16"
    assert effect(job, asked, after, after) == "nothing shows what 10.9.0.0/16 does"


SIX = parse_prefix("2001:db8::/64")


def test_an_ipv6_prefix_leads_nowhere_any_more() -> None:
    one, witness = Held(parse_address("2001:db8::1"), 64, "lo"), parse_address("2001:db8::2")
    job = Job((Step("unroute", one),), Goal("not led away", SIX))
    asked = Asked((witness,), ())
    route = Route(SIX, "unicast", ("lo",), 254, None, by_kernel=True)
    led = Delivered(local=False, interface="lo", length=64)
    before = Observed((one,), (route,), {witness: led}, {})
    for now, wrong in (
        (led, "2001:db8::2 would still be routed to lo"),
        (led._replace(interface="eth0", length=0), ""),
        (led._replace(interface=""), ""),
    ):
        assert effect(job, asked, before, Observed((one,), (), {witness: now}, {})) == wrong


@pytest.mark.parametrize(
    ("action", "prefixlen", "goal"),
    [
        (Action.REMOVE, None, NOT_LOCAL),
        (Action.REMOVE, 24, Goal("not local", Prefix(A, 24))),
        (Action.NARROW, 24, Goal("not local", Prefix(A, 24))),
        (Action.UNROUTE, 24, Goal("not led away", Prefix(A, 24))),
        (Action.ADD, None, Goal("local", Prefix(A, 32))),
    ],
)
def test_the_goal_of_a_fix(action: Action, prefixlen: int | None, goal: Goal) -> None:
    finding = Finding(Subject(FindingKind.WIDE_PREFIX, "lo", A, prefixlen=prefixlen), "")
    assert goal_of(finding, Fix(action, "")) == goal


def test_a_mapped_address_is_the_one_that_it_leads_to() -> None:
    mapped = Finding(Subject(FindingKind.ORPHAN_VIP, "lo", parse_address("::ffff:192.0.2.10")), "")
    assert goal_of(mapped, Fix(Action.REMOVE, "")) == NOT_LOCAL


def test_a_finding_without_address_has_no_goal() -> None:
    assert goal_of(Finding(Subject(FindingKind.HOLDER_DOWN, "lo"), ""), Fix(Action.UP, "")) is None


def test_a_missing_address_is_added() -> None:
    job = Job((Step("add", VIP),), Goal("local", Prefix(A, 32)))
    before, after = AFTER, BEFORE
    assert effect(job, ASKED, before, after) == ""
    nowhere = after._replace(deliveries={A: GONE, B: HERE})
    assert effect(job, ASKED, before, nowhere) == "192.0.2.10 would not become local"


def test_what_is_asked() -> None:
    link_local = Held(parse_address("fe80::1"), 64, "eth0")
    assert deliveries_asked(NOT_LOCAL, [VIP, OTHER, link_local], [FAR, B]) == Asked((A,), (B, FAR))


def test_what_is_served_must_not_go() -> None:
    """Whoever planned that."""
    asked = deliveries_asked(NOT_LOCAL, [VIP, OTHER], [A])
    why = "192.0.2.10 would not be local any more"
    assert effect(Job(REMOVAL, NOT_LOCAL, (A,)), asked, BEFORE, AFTER) == why


def test_what_is_expected_may_come() -> None:
    goal = Goal("local", Prefix(A, 32))
    asked = deliveries_asked(goal, [OTHER], [A])
    assert effect(Job((Step("add", VIP),), goal, (A,)), asked, AFTER, BEFORE) == ""


@pytest.mark.parametrize(
    "prefix", ["192.0.2.0/24", "192.0.2.8/30", "192.0.2.10/31", "10.0.0.0/8", "2001:db8::/64"]
)
def test_witnesses_are_inside_and_not_held(prefix: str) -> None:
    goal = Goal("not local", parse_prefix(prefix))
    asked = deliveries_asked(goal, [VIP], [FAR])
    assert asked.witnesses
    assert A not in asked.witnesses
    assert all(map(goal.prefix.covers, asked.witnesses)), list(map(format_address, asked.witnesses))


def test_a_witness_shows_the_finding_itself() -> None:
    """Not one that a narrower route makes local as well."""
    goal = Goal("not local", parse_prefix("192.0.2.0/24"))
    narrow, wide = HERE._replace(length=25), HERE._replace(length=24)
    asked = Asked((A, B, FAR), ())
    found = BEFORE._replace(deliveries={A: narrow, B: wide, FAR: GONE})
    assert witness_of(goal, asked, found) == B
    assert witness_of(goal, asked, found._replace(deliveries={A: narrow, B: narrow, FAR: GONE})) is None


def test_a_source_behind_each_way_out() -> None:
    def way(prefix: str, interface: str = "eth0", kind: str = "unicast") -> Route:
        return Route(parse_prefix(prefix), kind, (interface,))  # type: ignore[arg-type]

    routes = (
        way("203.0.113.0/24"),
        way("198.51.100.7/32"),
        way("0.0.0.0/0"),
        way("::/0"),
        way("10.0.0.0/8", kind="blackhole"),
        way("10.1.0.0/16", "dummy0"),
        way("fe80::/64"),
        way("ff00::/8"),
    )
    found = [format_address(one) for one in sources_asked(routes, ["lo", "dummy0"])]
    assert found == ["203.0.113.1", "198.51.100.7", "9.0.0.9", "2a00::9"]
