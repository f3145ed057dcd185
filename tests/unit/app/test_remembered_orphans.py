"""lowatch.app.remembered_orphans: what is known of names in an outage is where they led."""

from __future__ import annotations

from lowatch.app.remembered_orphans import RememberedOrphans
from lowatch.core.addresses import parse_address, parse_port
from lowatch.core.answers import Answer, AnswerStatus
from lowatch.core.findings import FindingKind, Subject
from lowatch.core.verdicts import Verdict
from tests.support.aio import drive
from tests.unit.app.scripted import (
    Watch,
    World,
    at,
    holds,
    listens,
    offers,
    policy_of,
    resolves,
    serves,
)

WWW, XMPP = "www.example.com", "_xmpp._tcp.example.com"
VIP, VIP6 = parse_address("192.0.2.10"), parse_address("2001:db8::10")


def orphan(domain: str = WWW, port: str = "80") -> Subject:
    return Subject(FindingKind.ORPHAN_VIP, "lo", VIP, domain, parse_port(port))


def remembering(*subjects: Subject) -> RememberedOrphans:
    remembered = RememberedOrphans()
    remembered.remember(subjects)
    return remembered


def test_an_unknown_answer_has_the_addresses_of_then() -> None:
    remembered, unknown = remembering(orphan()), Answer(WWW)
    made = remembered.completed(unknown)
    assert (made.a.status, made.addresses, made.a.reason) == (AnswerStatus.UNKNOWN, (VIP,), "not asked yet")
    assert remembered.completed(unknown) is made
    assert WWW in remembered
    assert set(remembered.at(VIP)) == {WWW}


def test_a_known_one_is_as_it_is_and_ends_it() -> None:
    remembered = remembering(orphan())
    known = resolves(WWW, VIP6)
    assert remembered.completed(known) is known
    assert WWW not in remembered
    assert remembered.endpoints(WWW) == ()
    assert not remembered.at(VIP)


def test_other_kinds_and_other_names_are_not_remembered() -> None:
    remembered = remembering(
        Subject(FindingKind.IDLE_VIP, "lo", VIP), Subject(FindingKind.VIEWS_DISAGREE, "lo", VIP, WWW)
    )
    assert not remembered.names


def test_a_service_is_looked_at_where_its_records_led() -> None:
    """No failure tells what its ports are: those of then are."""
    world = World({holds("192.0.2.10/32")}, answers={XMPP: offers(XMPP, a="SERVFAIL", aaaa="SERVFAIL")})
    watch = Watch(world, policy_of(serves("", XMPP)))
    watch.auditor.remember_orphans([orphan(XMPP, port="5222")])
    _, judgement = watch.sweep()
    assert [one.verdict for one in judgement.domains[XMPP].endpoints] == [Verdict.UNKNOWN]
    assert judgement.is_undecided(orphan(XMPP, port="5222"))
    world.serving[at(VIP, "5222")] = listens(at(VIP, "5222"))
    watch.auditor.poll()
    _, judgement = watch.audit()
    assert [one.verdict for one in judgement.domains[XMPP].endpoints] == [Verdict.SERVED]
    assert not judgement.is_undecided(orphan(XMPP, port="5222"))
    assert judgement.findings == ()


def test_an_address_that_went_is_no_orphan_and_one_that_cannot_be_asked_about_may_be() -> None:
    world = World({holds("192.0.2.10/32")}, answers={WWW: resolves(WWW, a="SERVFAIL", aaaa="SERVFAIL")})
    watch = Watch(world, policy_of(serves("80")))
    watch.auditor.remember_orphans([orphan()])
    watch.sweep()
    world.no_route.add(VIP)
    watch.host.hear()
    _, judgement = watch.sweep()
    assert judgement.is_undecided(orphan())


def test_what_connects_meet_is_followed_in_an_outage_as_well() -> None:
    """NAT that comes back ends the orphan within seconds: no sweep is waited for."""
    world = World({holds("192.0.2.10/32")}, answers={WWW: resolves(WWW, a="SERVFAIL", aaaa="SERVFAIL")})
    watch = Watch(world, policy_of(serves("80")))
    watch.auditor.remember_orphans([orphan()])
    _, judgement = watch.sweep()
    assert judgement.is_undecided(orphan())
    world.redirected = {at(VIP)}
    watch.clock.monotonic += 5.0
    drive(watch.auditor.connects.make_due())
    assert watch.auditor.marked
    _, judgement = watch.audit()
    assert not judgement.is_undecided(orphan())
