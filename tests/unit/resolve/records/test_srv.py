"""SRV records and their targets' addresses, as one answer."""

from __future__ import annotations

from lowatch.core.addresses import Address, Port, parse_address
from lowatch.core.answers import AnswerStatus, RRset, SrvRecord
from lowatch.core.limits.names import ADDRESSES_PER_TARGET
from lowatch.resolve.records.srv import SrvTargets, Target, bounded, ports_and_targets, srv_answer
from lowatch.wire.dns import srv_record

NAME = "_http._tcp.example.com"
HTTP = Port(80, "tcp")
VIP, NEXT = parse_address("192.0.2.10"), parse_address("192.0.2.11")
NODATA = RRset(AnswerStatus.NODATA, ttl=30)


def resolved(*addresses: Address, **rest: object) -> RRset:
    return RRset(AnswerStatus.RESOLVED, addresses, ttl=60, **rest)  # type: ignore[arg-type]


SRV = resolved(srv_record(80, "a.example.com"), srv_record(80, "b.example.com"))


def test_the_protocol_is_the_names() -> None:
    records = [srv_record(53, "a.example.com"), srv_record(53, "_x._tcp.example.com")]
    assert ports_and_targets("_dns._udp.example.com", records) == [(Port(53, "udp"), "a.example.com")]


def test_addresses_of_all_targets_are_taken_together() -> None:
    targets = [
        Target("a.example.com", HTTP, resolved(NEXT), NODATA),
        Target("b.example.com", HTTP, resolved(VIP, NEXT), NODATA),
    ]
    answer = srv_answer(NAME, SRV, targets)
    assert answer.addresses == (VIP, NEXT)
    assert answer.a.ttl == 60
    assert answer.srv_records == (
        SrvRecord("a.example.com", HTTP, (NEXT,)),
        SrvRecord("b.example.com", HTTP, (VIP, NEXT)),
    )


def test_it_is_as_uncertain_as_the_least_certain_target() -> None:
    lost = RRset(AnswerStatus.UNKNOWN, reason="timeout")
    targets = [
        Target("a.example.com", HTTP, resolved(VIP), NODATA),
        Target("b.example.com", HTTP, lost, NODATA),
    ]
    answer = srv_answer(NAME, SRV, targets)
    assert answer.a.status is AnswerStatus.UNKNOWN
    assert answer.a.reason == "b.example.com: timeout"
    assert answer.addresses == (VIP,)


def test_or_as_the_srv_record_itself() -> None:
    answer = srv_answer(NAME, RRset(AnswerStatus.STALE, reason="SERVFAIL", stale_since=1.0), [])
    assert (answer.a.status, answer.a.reason) == (AnswerStatus.STALE, "SRV: SERVFAIL")


def test_a_target_has_no_more_addresses_than_it_may() -> None:
    many = resolved(*(Address(bytes([192, 0, 2, n])) for n in range(ADDRESSES_PER_TARGET.value + 3)))
    less = bounded(many)
    assert (len(less.addresses), less.more) == (ADDRESSES_PER_TARGET.value, 3)
    assert bounded(less) is less


def test_targets_are_known_both_ways() -> None:
    mail, one, two = "_mail._tcp.example.com", "one.example.com", "two.example.com"
    targets = SrvTargets[str]()
    assert targets.replace(NAME, [one, two]) == {one, two}
    assert targets.replace(mail, [two]) == set()
    assert targets.with_srv_names([two]) == {two, NAME, mail}
    assert targets.replace(NAME, [one]) == set()
    assert targets.with_srv_names([two]) == {two, mail}
    targets.retain([NAME])
    assert (two in targets, list(targets)) == (False, [one])
