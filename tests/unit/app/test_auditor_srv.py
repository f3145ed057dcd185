"""SRV names: their records say which ports to expect where."""

from __future__ import annotations

from lowatch.core.addresses import parse_address
from tests.unit.app.scripted import World, at, holds, listens, offers, policy_of, serves
from tests.unit.app.story import SECOND, VIP, Story

XMPP = "_xmpp-client._tcp.example.com"
ELSEWHERE = parse_address("198.51.100.7")


def story() -> Story:
    """Two targets are here, each with a port of its own, and served; the third is elsewhere."""
    answer = offers(
        XMPP,
        ("a.example.com", "5222", VIP),
        ("b.example.com", "5223", SECOND),
        ("c.example.com", "5224", ELSEWHERE),
    )
    endpoints = [at(VIP, "5222"), at(SECOND, "5223")]
    told = Story(
        World(
            {holds("192.0.2.10/32"), holds("192.0.2.20/32")},
            answers={XMPP: answer},
            serving={one: listens(one) for one in endpoints},
        ),
        policy_of(serves("", XMPP), hold=0.0),
    )
    told.look()
    return told


def test_each_target_is_asked_about_its_own_ports() -> None:
    told = story()
    audit = told.look()
    assert {(one.address, one.port.number) for one in audit.endpoints} == {(VIP, 5222), (SECOND, 5223)}
    assert (told.firing, told.series) == ([], {(VIP, 5222): 0, (SECOND, 5223): 0})


def test_a_socket_that_goes_is_heard_of() -> None:
    """None of these ports is configured anywhere."""
    told = story()
    del told.world.serving[at(VIP, "5222")]
    told.auditor.mark_socket(VIP, 5222)
    _, judgement = told.audit()
    assert [one.subject.key for one in judgement.findings] == [f"orphan-vip/lo/192.0.2.10/{XMPP}/5222/tcp"]
    told.world.serving.clear()
    told.auditor.mark_socket(SECOND, 5224)
    _, judgement = told.audit()
    assert len(judgement.findings) == 1, "nobody expects that port here"
    told.auditor.mark_socket(parse_address("0.0.0.0"), 5223)
    _, judgement = told.audit()
    assert len(judgement.findings) == 2


def test_a_record_that_moves_to_another_port() -> None:
    told = story()
    told.world.answers[XMPP] = offers(XMPP, ("a.example.com", "5269", VIP))
    told.world.held.discard(holds("192.0.2.20/32"))
    told.look()
    assert told.firing == [f"orphan-vip/lo/192.0.2.10/{XMPP}/5269/tcp"]
    assert told.series == {(VIP, 5269): 1}


def test_a_service_without_an_answer_stays_what_it_was() -> None:
    told = story()
    told.world.serving.clear()
    told.look()
    before = told.firing
    told.world.answers[XMPP] = offers(XMPP, a="SERVFAIL", aaaa="SERVFAIL")
    audit = told.look()
    assert (told.firing, audit.complete) == (before, False)
    assert len(before) == 2
