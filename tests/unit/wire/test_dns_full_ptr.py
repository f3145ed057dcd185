"""PTR responses: both parsers of ours read what dnspython reads, however they are mutated."""

from __future__ import annotations

import random
from collections.abc import Sequence

import dns.message
import dns.name
import dns.rdatatype
from hypothesis import given
from hypothesis import strategies as st

from lowatch.wire.dns import (
    Reply,
    ReplyKind,
    RRType,
    encode_question,
    parse_srv_record,
    ptr_record,
    repeats_question,
)
from lowatch.wire.dns_full import parse_full
from lowatch.wire.dns_lean import parse_large, parse_lean, renewed_ttl
from tests.fuzz_dns.mutations import mutants
from tests.fuzz_dns.seeds import Seed
from tests.support.dns_messages import ASKED, CNAME, SOA, name, pointer, record, response, soa_rdata

PTR = 12
QUESTION = encode_question("10.2.0.192.in-addr.arpa", RRType.PTR)
ZONE = pointer(12 + len(b"\x0210"))
MUTANTS = 2_000

labels = st.binary(min_size=1, max_size=63)
"""Control characters, dots and backslashes included."""
names = st.lists(labels, max_size=8).filter(lambda found: sum(map(len, found)) + len(found) < 255)


def wire(found: Sequence[bytes]) -> bytes:
    return b"".join(bytes((len(label),)) + label for label in found) + b"\0"


@given(st.lists(names, min_size=1, max_size=20))
def test_targets_are_those_that_dnspython_reads(found: list[list[bytes]]) -> None:
    message = response([record(ASKED, PTR, wire(each)) for each in found], question=QUESTION)
    [rrset] = dns.message.from_wire(message).answer
    expected = {
        one.target.to_text(omit_final_dot=True).lower() for one in rrset if one.target != dns.name.root
    }
    reply = parse_full(message)
    assert {parse_srv_record(one) for one in reply.addresses} == {(0, text) for text in expected}
    assert reply.kind is (ReplyKind.ADDRESSES if expected else ReplyKind.NODATA)
    large = parse_large(message, QUESTION)
    assert large in (reply, large._replace(kind=ReplyKind.FAILURE))
    assert parse_lean(message, QUESTION) in (None, reply)


def samples() -> dict[str, bytes]:
    alias = record(ASKED, CNAME, b"\x0410/8" + ZONE)
    owner = pointer(12 + len(QUESTION) + 12)
    return {
        "one": response([record(ASKED, PTR, name("shop.example.com"))], question=QUESTION),
        "several": response(
            [record(ASKED, PTR, b"\x02%02d" % number + ZONE) for number in range(9)], question=QUESTION
        ),
        "behind an alias": response(
            [alias, record(owner, PTR, name("shop.example.com"))], question=QUESTION
        ),
        "an alias alone": response([alias], question=QUESTION),
        "none": response([], [record(ZONE, SOA, soa_rdata())], question=QUESTION),
        "no such name": response([], [record(ZONE, SOA, soa_rdata())], rcode=3, question=QUESTION),
        "255 octets": response(
            [record(ASKED, PTR, name(".".join(["\1" * 63, "\x7f" * 63, "." * 0 + "x" * 63, "y" * 61])))],
            question=QUESTION,
        ),
    }


def test_mutants_never_make_the_parsers_differ_or_raise() -> None:
    seeds = [Seed(QUESTION, message) for message in samples().values()]
    for _, mutant in mutants(seeds, MUTANTS, random.Random(random.getrandbits(64))):
        if not repeats_question(mutant, QUESTION):
            continue
        full, lean, large = parse_full(mutant), parse_lean(mutant, QUESTION), parse_large(mutant, QUESTION)
        shown = mutant.hex()
        assert lean in (None, full), shown
        if ReplyKind.FAILURE not in (large.kind, full.kind):
            assert _without_ttl(large) == _without_ttl(full), shown
        for known in full.addresses[:1]:
            assert renewed_ttl(mutant, QUESTION, known) is None, shown


def _without_ttl(reply: Reply) -> Reply:
    return reply._replace(ttl=0)


def test_hundreds_of_records_too_large_for_dnspython() -> None:
    answer = [record(ASKED, PTR, b"\x04%04d" % number + ZONE) for number in range(700)]
    message = response(answer, question=QUESTION)
    reply = parse_large(message, QUESTION)
    assert reply == parse_full(message)
    assert len(reply.addresses) == 700
    assert ptr_record("0699.2.0.192.in-addr.arpa") in reply.addresses
    assert parse_large(response([*answer, record(ASKED, PTR, b"\0")], question=QUESTION), QUESTION) == reply
    odd = response([*answer, record(ASKED, PTR, name("a\tb.example"))], question=QUESTION)
    assert parse_large(odd, QUESTION).kind is ReplyKind.FAILURE


def test_what_is_common_needs_no_dnspython() -> None:
    common = {"one", "several", "none", "no such name"}
    assert {kind for kind, message in samples().items() if parse_lean(message, QUESTION)} == common
    for kind in common:
        assert parse_lean(samples()[kind], QUESTION) == parse_full(samples()[kind])


def test_a_target_that_names_nothing_is_no_record() -> None:
    alias = record(ASKED, CNAME, b"\x03sub" + ZONE)
    owner = pointer(12 + len(QUESTION) + 12)
    for records in ([record(ASKED, PTR, b"\0")], [alias, record(owner, PTR, b"\0")]):
        message = response(records, question=QUESTION)
        assert parse_full(message).kind is ReplyKind.NODATA
        assert parse_lean(message, QUESTION) is None
    both = response([record(ASKED, PTR, b"\0"), record(ASKED, PTR, name("a.example"))], question=QUESTION)
    assert parse_lean(both, QUESTION) == parse_full(both)
