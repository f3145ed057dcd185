"""The Answer of each name, made from its slots."""

from __future__ import annotations

import pytest

from lowatch.core.addresses import Address, parse_address, parse_prefix
from lowatch.core.answers import AnswerStatus, RRset
from lowatch.core.limits.names import DNS_ANSWERS_KEPT
from lowatch.resolve.records.made_answers import MadeAnswers
from lowatch.resolve.records.name_table import NameTable
from lowatch.resolve.records.slot_state import SlotState
from lowatch.wire.dns import srv_record

WWW, API, SRV = "www.example.com", "api.example.com", "_http._tcp.example.com"
VIP, SIX, MADE = map(parse_address, ("192.0.2.10", "2001:db8::10", "64:ff9b::c000:20a"))
NAT64 = parse_prefix("64:ff9b::/96")
NODATA = RRset(AnswerStatus.NODATA)


def resolved(*addresses: Address) -> RRset:
    return RRset(AnswerStatus.RESOLVED, addresses, ttl=60)


class Known:
    """A name table, and the answers that are made of it."""

    def __init__(self, *names: str) -> None:
        self.names = NameTable()
        self.names.configure(names)
        self.made = MadeAnswers(self.names)

    def number(self, name: str) -> int:
        number = self.names.number_of(name)
        assert number is not None
        return number

    def put(self, name: str, *rrsets: RRset) -> None:
        for slot, rrset in zip(self.names.slots_of(self.number(name)), rrsets, strict=True):
            self.names.slots.store(slot, SlotState(rrset))


def test_it_is_the_same_object_until_it_is_forgotten() -> None:
    known = Known(WWW)
    number = known.number(WWW)
    first = known.made.answer(number)
    assert first.status is AnswerStatus.UNKNOWN
    known.put(WWW, resolved(VIP), resolved(SIX))
    assert known.made.answer(number) is first
    known.made.forget([number])
    assert known.made.answer(number).addresses == (VIP, SIX)


def test_no_more_than_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DNS_ANSWERS_KEPT, "value", 1)
    known = Known(WWW, API)
    first = known.made.answer(known.number(WWW))
    known.made.answer(known.number(API))
    again = known.made.answer(known.number(WWW))
    assert again == first
    assert again is not first


def test_what_a_dns64_made_is_set_apart_where_there_is_an_a_it_was_made_from() -> None:
    known = Known(WWW, API)
    known.put(WWW, resolved(VIP), resolved(MADE))
    known.put(API, NODATA, resolved(MADE))
    assert known.made.replace_nat64(frozenset({NAT64})) == frozenset()
    answer = known.made.answer(known.number(WWW))
    assert (answer.aaaa.status, answer.aaaa.addresses) == (AnswerStatus.NODATA, ())
    assert answer.aaaa.synthesised == (MADE,)
    assert known.made.answer(known.number(API)).addresses == (MADE,)


def test_a_service_has_the_addresses_of_its_targets() -> None:
    known = Known(SRV)
    known.names.want(WWW)
    known.put(SRV, resolved(srv_record(80, WWW)))
    known.put(WWW, resolved(VIP), NODATA)
    assert known.made.answer(known.number(SRV)).addresses == (VIP,)
    assert known.made.target_names(SRV) == [WWW]
    assert known.made.target(WWW).addresses == (VIP,)
    [target] = known.made.targets(SRV)[1]
    assert (target.name, str(target.port)) == (WWW, "80/tcp")


def test_of_a_name_that_is_no_service_there_are_no_targets() -> None:
    known = Known(WWW)
    assert known.made.target_names(WWW) == []
    assert known.made.targets("absent.example.com")[1] == []
    assert known.made.target("absent.example.com").status is AnswerStatus.UNKNOWN
