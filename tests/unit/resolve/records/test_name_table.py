"""Names, their numbers and slots."""

from __future__ import annotations

from random import Random

from lowatch.resolve.records.name_table import NameTable, question_of
from lowatch.wire.dns import RRType, encode_question

WWW, API, SRV = "www.example.com", "api.example.com", "_http._tcp.example.com"


def test_a_name_has_two_slots_and_a_service_one() -> None:
    table = NameTable()
    table.configure([WWW, SRV])
    www, service = table.number_of(WWW), table.number_of(SRV)
    assert www is not None
    assert service is not None
    assert not table.is_srv(www)
    assert table.is_srv(service)
    assert len(table.slots_of(www)) == 2
    assert len(table.slots_of(service)) == 1
    assert sorted(table.all_slots()) == sorted((*table.slots_of(www), *table.slots_of(service)))


def test_questions_are_as_they_are_sent() -> None:
    table = NameTable()
    table.configure([WWW])
    number = table.number_of(WWW)
    assert number is not None
    a, aaaa = table.slots_of(number)
    assert question_of(a, table.questions[number]) == encode_question(WWW, RRType.A)
    assert question_of(aaaa, table.questions[number]) == encode_question(WWW, RRType.AAAA)


def test_what_changes_in_the_configuration_is_reported() -> None:
    table = NameTable()
    first = table.configure([WWW])
    assert (len(first.added), first.added, first.gone) == (1, first.fresh, [])
    second = table.configure([API])
    assert second.gone == first.added
    assert list(table.configured()) == second.added
    [number] = first.added
    assert not table.is_followed(number)
    table.release(number)
    assert table.number_of(WWW) is None
    assert table.configure([API, SRV]).added == [number], "its number is free again"


def test_a_name_that_somebody_wants_is_followed_though_it_is_not_configured() -> None:
    table = NameTable()
    number = table.want(WWW)
    assert table.want(WWW) == number
    assert not table.is_configured(number)
    table.unwant(number)
    assert table.is_followed(number)
    table.unwant(number)
    assert not table.is_followed(number)


def test_all_are_asked_when_each_slot_was() -> None:
    table = NameTable()
    assert table.all_asked.is_set()
    table.configure([WWW, SRV])
    assert table.unasked == 3
    for slot in table.all_slots():
        assert not table.all_asked.is_set()
        table.note_asked(slot)
        table.note_asked(slot)
    assert table.all_asked.is_set()
    assert table.unasked == 0


def test_without_a_failure_no_slot_has_failed() -> None:
    table = NameTable()
    assert list(table.slots_with_failures(Random(1))) == []
    table.configure([WWW])
    assert list(table.slots_with_failures(Random(1))) == []
