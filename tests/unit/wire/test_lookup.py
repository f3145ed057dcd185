"""Lookups of others, from their DNS responses."""

from __future__ import annotations

import random

import dns.exception
import dns.message
import dns.rdatatype
import pytest

from lowatch.core.addresses import Address, parse_address
from lowatch.wire.dns import RRType, encode_question
from lowatch.wire.lookup import Lookup, mentions, parse_lookup
from tests.support.dns_messages import AAAA, CNAME, NS, A, name, opt, pointer, record, response
from tests.support.mutations import mutants

MUTANTS = 5_000
VIP, VIP6, OTHER = map(parse_address, ("192.0.2.10", "2001:db8::10", "192.0.2.11"))
HELD = {VIP, VIP6}
WWW = "www.example.com"


def answer(*records: bytes, asked: str = WWW, rrtype: RRType = RRType.A) -> bytes:
    return response(records, question=encode_question(asked, rrtype))


ONE = answer(record(pointer(12), A, VIP))
SIX = answer(record(pointer(12), AAAA, VIP6), rrtype=RRType.AAAA)
CHAIN = answer(record(pointer(12), CNAME, name("shop.example")), record(name("shop.example"), A, VIP))


@pytest.mark.parametrize(
    ("message", "addresses"), [(ONE, [VIP]), (SIX, [VIP6]), (CHAIN, [VIP])], ids=["A", "AAAA", "CNAME"]
)
def test_a_response_is_a_lookup(message: bytes, addresses: list[Address]) -> None:
    assert parse_lookup(message) == Lookup(WWW, tuple(addresses))
    assert mentions(message, HELD)


def test_the_name_is_in_lower_case() -> None:
    assert parse_lookup(ONE.replace(b"www", b"wWw")) == Lookup(WWW, (VIP,))


def test_other_addresses_are_not_decoded() -> None:
    assert not mentions(answer(record(pointer(12), A, OTHER)), HELD)
    assert not mentions(answer(record(pointer(12), 16, bytes(VIP))), HELD)


def test_octets_that_look_like_a_record_hide_none() -> None:
    fake = b"\0\1\0\1\0\0\0\0\0\4"
    assert mentions(fake[:-3] + fake + VIP, HELD)
    assert mentions(answer(record(pointer(12), A, OTHER), record(pointer(12), A, VIP)), HELD)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        ONE[:12],
        ONE[:20],
        ONE[:2] + b"\1" + ONE[3:],
        answer(record(pointer(12), A, VIP), asked="a" * 63),
        answer(record(pointer(12), NS, name("ns.example"))),
        answer(),
    ],
    ids=["nothing", "a header", "cut off", "a query", "one label", "no address", "NODATA"],
)
def test_what_is_none(message: bytes) -> None:
    found = parse_lookup(message)
    assert found is None or found.name == "a" * 63


@pytest.mark.parametrize("octet", [0, 7, 10, 27, 46, 92, 127, 200, 255])
def test_a_name_with_octets_that_need_escapes_is_not_followed(octet: int) -> None:
    assert parse_lookup(ONE.replace(b"www", b"w" + bytes([octet]) + b"w")) is None


def test_names_of_255_octets_and_more() -> None:
    longest = b"".join([b"\x3f" + b"x" * 63] * 3 + [b"\x3d" + b"y" * 61]) + b"\0"
    assert len(longest) == 255
    tail = record(pointer(12), A, VIP)
    for labels, fits in ((longest, True), (b"\1a" + longest, False)):
        message = ONE[:12] + labels + b"\0\1\0\1" + tail
        found = parse_lookup(message)
        assert (found is not None) is fits


def test_a_message_longer_than_any_of_dns_is_none() -> None:
    assert parse_lookup(answer(*[record(pointer(12), A, VIP)] * 4_000)) is not None
    assert parse_lookup(answer(*[record(pointer(12), A, VIP)] * 4_100)) is None


def test_it_agrees_with_dnspython() -> None:
    """On damaged responses: whatever is found, dnspython finds as well."""
    found = 0
    seeds = [ONE, SIX, CHAIN, answer(record(pointer(12), A, VIP), opt())]
    random.seed(random.randrange(2**32))
    for mutant in mutants(seeds, MUTANTS):
        lookup = parse_lookup(mutant)
        if lookup is None:
            continue
        try:
            message = dns.message.from_wire(mutant, ignore_trailing=True, continue_on_error=True)
        except (dns.exception.DNSException, ValueError):
            continue  # it insists on sections that do not matter here
        assert message.question[0].name.to_text(omit_final_dot=True).lower() == lookup.name
        owners = {
            parse_address(item.address)
            for rrset in message.answer
            if rrset.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA)
            for item in rrset
        }
        assert set(lookup.addresses) <= owners
        found += 1
    assert found > MUTANTS / 50
