"""SOA queries, and what servers answer."""

from __future__ import annotations

import random

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from lowatch.wire.zone_serial import answers, is_newer, serial_of, soa_query, soa_question

QUESTION = soa_question("corp.example")
SOA = "corp.example. 60 IN SOA ns.corp.example. root.corp.example. 4294967295 3600 900 604800 60"


def response(*records: str, rcode: str = "NOERROR") -> bytes:
    message = dns.message.make_response(dns.message.from_wire(soa_query(QUESTION, 7)))
    message.set_rcode(dns.rcode.from_text(rcode))
    for record in records:
        owner, ttl, rdclass, rdtype, rdata = record.split(maxsplit=4)
        message.answer.append(dns.rrset.from_text(owner, int(ttl), rdclass, rdtype, rdata))
    return message.to_wire()


def test_the_query_is_what_it_should_be() -> None:
    [question] = dns.message.from_wire(soa_query(QUESTION, 7)).question
    assert question.to_text() == "corp.example. IN SOA"
    [question] = dns.message.from_wire(soa_query(soa_question(""), 7)).question
    assert question.to_text() == ". IN SOA"


def test_a_serial() -> None:
    assert serial_of(response(SOA), QUESTION) == 4294967295


def test_a_signature_before_it() -> None:
    signature = "corp.example. 60 IN RRSIG SOA 13 2 60 20300101000000 20200101000000 1 corp.example. aaaa"
    assert serial_of(response(signature, SOA), QUESTION) == 4294967295


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED", "NOTAUTH", "NXDOMAIN"])
def test_a_failure(rcode: str) -> None:
    assert serial_of(response(rcode=rcode), QUESTION) == rcode


def test_no_soa() -> None:
    assert serial_of(response(), QUESTION) == "no SOA record"
    assert serial_of(response("corp.example. 60 IN A 192.0.2.1"), QUESTION) == "no SOA record"


def test_only_the_response_to_the_query_is_read() -> None:
    assert answers(response(SOA), QUESTION, 7)
    assert not answers(response(SOA), QUESTION, 8)
    assert not answers(response(SOA), soa_question("other.example"), 7)
    assert not answers(soa_query(QUESTION, 7), QUESTION, 7)
    assert not answers(b"", QUESTION, 7)


def test_what_is_cut_off_or_damaged_is_no_serial() -> None:
    whole = response(SOA)
    for end in range(12 + len(QUESTION), len(whole) - 11):  # the OPT record is the last
        assert isinstance(serial_of(whole[:end], QUESTION), str)
    for _ in range(2000):
        damaged = bytearray(whole)
        damaged[random.randrange(12, len(whole))] = random.randrange(256)
        assert isinstance(serial_of(bytes(damaged), QUESTION), str | int)


def test_serials_wrap() -> None:
    assert is_newer(2, 1)
    assert not is_newer(1, 1)
    assert not is_newer(1, 2)
    assert is_newer(0, 4294967295)
    assert not is_newer(4294967295, 0)
