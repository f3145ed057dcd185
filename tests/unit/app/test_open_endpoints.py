"""Whose verdict may change without an event."""

from __future__ import annotations

from dataclasses import replace

from lowatch.app.confirming_connects import ConfirmingConnects
from lowatch.app.open_endpoints import OpenEndpoints
from lowatch.app.remembered_orphans import RememberedOrphans
from lowatch.core.listeners import Connect
from lowatch.core.verdicts import DomainJudgement, Verdict, judge_endpoints
from tests.unit.app.scripted import (
    ScriptedClock,
    ScriptedHost,
    ScriptedProber,
    Watch,
    World,
    at,
    holds,
    listens,
    policy_of,
    resolves,
    serves,
)
from tests.unit.app.story import VIP, WWW
from tests.unit.core.worlds import local, seen, view

HTTP = at(VIP, "80")


def watch(**world: object) -> Watch:
    held = {"held": {holds("192.0.2.10/32")}, "answers": {WWW: resolves(WWW, VIP)}}
    return Watch(World(**{**held, **world}), policy_of(serves("80"), hold=0.0))  # type: ignore[arg-type]


def verdicts(one: Watch) -> list[Verdict]:
    _, judgement = one.audit()
    return [endpoint.verdict for judged in judgement.domains.values() for endpoint in judged.endpoints]


def test_a_listener_that_appears_is_found_by_polling() -> None:
    one = watch()
    assert verdicts(one) == [Verdict.ORPHAN]
    assert one.auditor.unhealthy
    one.auditor.poll()
    assert not one.auditor.marked, "nothing has changed"
    one.world.serving[HTTP] = listens(HTTP)
    one.auditor.poll()
    assert one.auditor.marked
    assert verdicts(one) == [Verdict.SERVED]
    assert not one.auditor.unhealthy


def test_what_is_served_is_not_polled() -> None:
    one = watch(serving={HTTP: listens(HTTP)})
    assert verdicts(one) == [Verdict.SERVED]
    assert not one.auditor.unhealthy


def test_another_unit_that_takes_over_is_found_by_polling() -> None:
    named = replace(serves("80"), unit="nginx.service")
    captured = listens(HTTP)._replace(unit="apache2.service")
    held = {holds("192.0.2.10/32")}
    world = World(held=held, answers={WWW: resolves(WWW, VIP)}, serving={HTTP: captured})
    one = Watch(world, policy_of(named, hold=0.0))
    assert verdicts(one) == [Verdict.CAPTURED]
    one.auditor.poll()
    assert not one.auditor.marked, "nothing has changed"
    one.world.serving[HTTP] = captured._replace(unit="nginx.service")
    one.auditor.poll()
    assert verdicts(one) == [Verdict.SERVED]
    assert not one.auditor.unhealthy


def test_a_full_queue_that_a_silent_connect_met_is_not_polled() -> None:
    """The look-up may find another member of its REUSEPORT group, and would differ at each poll."""
    full = listens(HTTP)._replace(queued=2, backlog=1)
    for asked, polled in ((), True), ((Connect.TIMED_OUT,), False):
        observed = view(local(VIP, *seen(("80", full, *asked))))
        endpoints = judge_endpoints(serves("80"), observed, loopback_up=True)
        assert [one.verdict for one in endpoints] == [Verdict.BACKLOGGED]
        world = World()
        connects = ConfirmingConnects(ScriptedProber(world), ScriptedClock())
        one = OpenEndpoints(ScriptedHost(world), connects, RememberedOrphans())
        one.judged({WWW: DomainJudgement(endpoints)}, {WWW: observed})
        assert bool(one.unhealthy) is polled


def test_a_domain_that_leads_elsewhere_is_forgotten() -> None:
    one = watch()
    assert verdicts(one) == [Verdict.ORPHAN]
    one.world.answers[WWW] = resolves(WWW)
    one.auditor.mark_domain(WWW)
    assert verdicts(one) == []
    assert not one.auditor.unhealthy


def test_whether_only_a_new_listener_would_help() -> None:
    """That may be reported; an accept() is not, nor a socket of UDP."""
    one = watch()
    assert one.auditor.waits_for_listeners, "nothing is unhealthy"
    assert verdicts(one) == [Verdict.ORPHAN]
    assert one.auditor.waits_for_listeners
    one.world.serving[HTTP] = listens(HTTP, full=True)
    one.auditor.poll()
    assert verdicts(one) == [Verdict.BACKLOGGED]
    assert not one.auditor.waits_for_listeners
    one.world.serving[HTTP] = listens(HTTP)
    one.auditor.poll()
    assert verdicts(one) == [Verdict.SERVED]
    assert one.auditor.waits_for_listeners


def test_a_socket_of_udp_is_polled_for() -> None:
    world = World(held={holds("192.0.2.10/32")}, answers={WWW: resolves(WWW, VIP)})
    one = Watch(world, policy_of(serves("53/udp"), hold=0.0))
    assert verdicts(one) == [Verdict.ORPHAN]
    assert not one.auditor.waits_for_listeners
    one.world.answers = {WWW: resolves(WWW)}
    one.auditor.mark_all()
    assert verdicts(one) == []
    assert one.auditor.waits_for_listeners
