"""Audits of what cannot be observed: nothing is raised by it, nothing is cleared, and it is said."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lowatch.core.addresses import parse_address
from lowatch.core.held import NOT_ROUTED, Delivery, FlowRoute
from lowatch.core.known import Unknown
from lowatch.core.policy import Policy
from tests.support.aio import drive
from tests.unit.app.scripted import (
    LO,
    OVERRUN,
    Watch,
    World,
    at,
    holds,
    listens,
    policy_of,
    resolves,
    serves,
)
from tests.unit.app.story import ORPHAN, SECOND, VIP, VIP6, WWW, Story, world

FAULTS: dict[str, Callable[[World], None]] = {
    "GETROUTE fails for the address": lambda w: w.no_route.add(VIP),
    "the exact lookup fails": lambda w: w.no_socket.add(at(VIP)),
    "addresses cannot be listed": lambda w: setattr(w, "blind", True),
    "DNS fails for long": lambda w: w.answers.update({WWW: resolves(WWW, VIP, a="timed out")}),
    "DNS has never answered": lambda w: w.answers.update({WWW: resolves(WWW, a="SERVFAIL")}),
    "connect() fails for want of means": lambda w: w.no_connect.add(at(VIP)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_raises_a_finding(fault: str) -> None:
    """Nobody listens, but that was never seen."""
    story = Story(world())
    FAULTS[fault](story.world)
    audit = story.look()
    assert (story.firing, story.series, audit.complete) == ([], {}, False)


@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_clears_a_finding(fault: str) -> None:
    """Nor its series, for as long as the name is known to lead there."""
    story = Story(world())
    assert story.look().complete
    assert (story.firing, story.series) == ([ORPHAN], {(VIP, 80): 1})
    FAULTS[fault](story.world)
    for _ in range(4):  # more than 60 s: what a connect() met is believed for so long
        audit = story.look()
        assert story.firing == [ORPHAN]
        assert story.last.announcements == ()
    assert not audit.complete
    assert story.series == ({} if fault == "DNS has never answered" else {(VIP, 80): 1})


@pytest.mark.parametrize("fault", FAULTS)
def test_after_the_fault_the_truth(fault: str) -> None:
    """Served or orphaned meanwhile: the next sweep says so."""
    for served in (True, False):
        story = Story(world())
        story.look()
        FAULTS[fault](story.world)
        story.look()
        mend(story.world)
        if served:
            story.world.serving[at(VIP)] = listens(at(VIP))
        story.clock.monotonic += 60.0
        assert story.look().complete
        assert story.firing == ([] if served else [ORPHAN])
        assert story.series == {(VIP, 80): int(not served)}


def mend(broken: World) -> None:
    fresh = world()
    for name in ("no_route", "no_socket", "no_connect", "blind", "answers"):
        setattr(broken, name, getattr(fresh, name))


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ("GETROUTE fails for the address", "www.example.com: netlink: the receive buffer overran"),
        ("the exact lookup fails", "www.example.com 80/tcp: sock_diag: Operation not permitted"),
        ("addresses cannot be listed", "the receive buffer overran"),
        ("DNS fails for long", "www.example.com: A: timed out"),
        ("DNS has never answered", "www.example.com: A: SERVFAIL"),
        ("connect() fails for want of means", "www.example.com 80/tcp: Too many open files"),
    ],
)
def test_each_fault_is_reported(fault: str, problem: str) -> None:
    story = Story(world())
    FAULTS[fault](story.world)
    assert problem in [one.message for one in story.look().problems]


def test_one_address_of_two_cannot_be_asked_about() -> None:
    """The other is judged as ever."""
    story = Story(world(VIP, SECOND))
    story.world.serving[at(SECOND)] = listens(at(SECOND))
    story.look()
    assert (story.firing, story.series) == ([ORPHAN], {(VIP, 80): 1, (SECOND, 80): 0})
    story.world.no_route.add(VIP)
    del story.world.serving[at(SECOND)]
    story.look()
    assert story.firing == [ORPHAN, ORPHAN.replace("2.10", "2.20")]
    assert story.series == {(VIP, 80): 1, (SECOND, 80): 1}


def test_an_address_that_cannot_be_asked_about_is_not_idle() -> None:
    """A domain resolves to it, whatever routing would say."""
    story = Story(world())
    story.world.no_route.add(VIP)
    story.look()
    assert story.firing == []


def test_the_resolvers_own_address_is_not_idle() -> None:
    """ns.example.com resolves to it; port 53 there is the host's own resolver, and not judged."""
    ns = "ns.example.com"
    story = Story(
        World(held={holds("192.0.2.10/32")}, answers={ns: resolves(ns, VIP)}, stub=frozenset({VIP})),
        policy_of(serves("53/udp", ns), hold=0.0),
    )
    audit = story.look()
    assert (story.firing, audit.endpoints, audit.complete) == ([], (), True)


def test_a_family_without_an_answer_does_not_keep_the_other_firing() -> None:
    """Many name servers never answer for AAAA: what is seen of the A records counts."""
    story = Story(world())
    story.world.answers[WWW] = resolves(WWW, VIP, aaaa="timed out")
    assert not story.look().complete
    assert story.firing == [ORPHAN]
    story.world.serving[at(VIP)] = listens(at(VIP))
    assert not story.look().complete
    assert (story.firing, [one.state for one in story.last.announcements]) == ([], ["resolved"])
    assert story.series == {(VIP, 80): 0}


def test_a_family_without_an_answer_keeps_its_own_firing() -> None:
    story = Story(world(VIP6))
    story.look()
    (orphan,) = story.firing
    story.world.answers[WWW] = resolves(WWW, aaaa="timed out")  # after a restart: no address is known
    story.look()
    assert story.firing == [orphan]


def test_idle_addresses_while_sockets_cannot_be_listed() -> None:
    story = Story(World(held={holds("192.0.2.77/32")}), Policy(hold=0.0))
    story.world.no_bound = True
    assert not story.look().complete
    assert story.firing == []
    story.world.no_bound = False
    story.look()
    assert story.firing == ["idle-vip/lo/192.0.2.77"]
    story.world.no_bound = True
    story.look()
    assert story.firing == ["idle-vip/lo/192.0.2.77"]


def test_a_socket_that_one_dump_missed_still_speaks_for_its_address() -> None:
    """A dump under churn may miss a stable socket (docs/internals/kernel.md)."""
    story = Story(World(held={holds("192.0.2.77/32")}), Policy(hold=0.0))
    story.world.bound = frozenset({parse_address("192.0.2.77")})
    story.look()
    story.world.bound = frozenset()
    story.look()
    assert story.firing == []
    story.look()
    assert story.firing == ["idle-vip/lo/192.0.2.77"]


def test_all_is_asked_where_the_tables_are_not_to_be_had() -> None:
    """An unfiltered question is slow, and never wrong."""
    story = Story(world())
    story.world.blind = True
    story.world.held.clear()
    audit = story.look()
    assert audit.endpoints == ()
    assert {one.source for one in audit.problems} == {"netlink"}
    assert not audit.complete


def test_a_reload_in_the_middle_of_an_audit() -> None:
    """The names that went are unknown to the resolver at once; the audit that runs ends well."""
    names = [f"www{n}.example.com" for n in range(600)]
    domains = [serves("80", name) for name in names]
    story = Story(world(), policy_of(*domains, hold=0.0))
    story.world.answers = {name: resolves(name, VIP) for name in names}
    story.during = lambda: story.replace_policy(policy_of(domains[0], hold=0.0))
    story.look()
    story.during = lambda: None
    assert story.auditor.marked
    audit = story.look()
    assert audit.complete
    assert [one.domain for one in audit.endpoints] == [names[0]]


@pytest.mark.parametrize("first", [True, False])
def test_an_address_of_which_one_port_could_not_be_asked_about_may_lead_here(first: bool) -> None:
    """Policy rules may look at ports: that the others are routed elsewhere says nothing of this one."""
    watch = Watch(world(), policy_of(serves("80 443")))
    watch.world.routed_away = {VIP}
    said: list[Delivery | Unknown] = [NOT_ROUTED, OVERRUN]
    watch.host.flow_routes_may_differ = True
    watch.host.endpoint_deliveries = lambda _: said if first else said[::-1]  # type: ignore[method-assign]
    watch.host.flow_routes = lambda endpoints: [FlowRoute.HERE] * len(endpoints)  # type: ignore[method-assign]
    snapshot, _ = watch.audit()
    assert [address for address, _ in snapshot.domains[WWW].undecided] == [VIP]
    said[0] = Delivery(True, LO, 32)
    snapshot, _ = watch.sweep()
    assert [local.address for local in snapshot.domains[WWW].local] == [VIP]


def test_in_an_outage_an_address_that_some_port_may_lead_to_is_not_elsewhere() -> None:
    watch = Watch(world(), policy_of(serves("80")))
    watch.world.routed_away = {VIP}
    watch.sweep()
    watch.host.flow_routes_may_differ = True
    snapshot, _ = drive(watch.auditor.audit(orphans=[VIP]))
    assert snapshot.elsewhere == frozenset()
    watch.world.held.clear()
    watch.host.hear()
    snapshot, _ = drive(watch.auditor.audit(orphans=[VIP]))
    assert snapshot.elsewhere == {VIP}
