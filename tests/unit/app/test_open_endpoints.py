"""Whose verdict may change without an event."""

from __future__ import annotations

from lowatch.core.verdicts import Verdict
from tests.unit.app.scripted import Watch, World, at, holds, listens, policy_of, resolves, serves
from tests.unit.app.story import VIP, WWW

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


def test_a_domain_that_leads_elsewhere_is_forgotten() -> None:
    one = watch()
    assert verdicts(one) == [Verdict.ORPHAN]
    one.world.answers[WWW] = resolves(WWW)
    one.auditor.mark_domain(WWW)
    assert verdicts(one) == []
    assert not one.auditor.unhealthy
