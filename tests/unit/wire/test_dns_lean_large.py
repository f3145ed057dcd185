"""lowatch.wire.dns_lean.parse_large: what dnspython would read too, but for its time."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.resolve.upstream.response_reader import ResponseReader
from lowatch.wire.dns import ReplyKind, RRType, encode_question
from lowatch.wire.dns_full import parse_full
from lowatch.wire.dns_lean import parse_large
from tests.support.dns_messages import (
    ASKED,
    CNAME,
    NS,
    QUESTION,
    A,
    name,
    pointer,
    record,
    response,
    soa_rdata,
)
from tests.unit.resolve.asking import Counts

SRV = 33
SERVICE = encode_question("_x._tcp.example.com", RRType.SRV)
ZONE = pointer(12 + len(b"\x02_x\x04_tcp"))
FEW = st.integers(1, 9)


def address(number: int) -> bytes:
    return record(ASKED, A, struct.pack("!I", 0x0A000000 + number))


def service(number: int, port: int = 443, target: bytes | None = None) -> bytes:
    named = b"\x04%04x" % number + ZONE if target is None else target
    return record(ASKED, SRV, struct.pack("!HHH", 1, 1, port) + named)


@given(FEW, st.booleans(), FEW)
def test_addresses_are_those_that_dnspython_reads(count: int, aliased: bool, others: int) -> None:
    alias = record(ASKED, CNAME, name("cdn.test"))
    owner = pointer(12 + len(QUESTION) + 12)
    if aliased:
        answer = [alias, *[record(owner, A, struct.pack("!I", number)) for number in range(count)]]
    else:
        answer = [address(number) for number in range(count)]
    message = response(answer, [record(ASKED, NS, name("ns.test"))] * others)
    assert parse_large(message, QUESTION) == parse_full(message)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=9), FEW)
def test_services_are_those_that_dnspython_reads(ports: list[int], others: int) -> None:
    answer = [service(number, port) for number, port in enumerate([*ports, 443])]
    answer.append(service(0, target=b"\0"))
    message = response(answer, (), [address(1)] * others, question=SERVICE)
    assert parse_large(message, SERVICE) == parse_full(message)


BAD = {
    "a failure": response([address(1)], rcode=2),
    "cut short": response([address(1)], flags=0x8380),
    "a denial": response((), [record(ASKED, 6, soa_rdata())]),
    "an alias alone": response([record(ASKED, CNAME, name("cdn.test"))]),
    "ends too early": response([address(1)])[:-1],
    "another type": response([record(ASKED, 16, b"\0")]),
    "nothing": response(),
}


@pytest.mark.parametrize("case", BAD)
def test_what_has_no_plain_answer_is_malformed(case: str) -> None:
    reply = parse_large(BAD[case], QUESTION)
    assert (reply.kind, reply.rcode) == (ReplyKind.FAILURE, "MALFORMED")
    assert reply.reason.startswith("a response too large to be read, and not plain: ")


def test_a_reader_reads_4000_records_and_2400_services_without_dnspython(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lowatch.wire.dns_full.parse_full", None)
    reader = ResponseReader(Counts(), lambda: 0.0)  # to check each, if it may
    found = reader.read(response([address(number) for number in range(4000)]), QUESTION)
    assert (found.kind, len(found.addresses)) == (ReplyKind.ADDRESSES, 4000)
    found = reader.read(response([service(n) for n in range(2400)], question=SERVICE), SERVICE)
    assert (found.kind, len(found.addresses)) == (ReplyKind.ADDRESSES, 2400)
    others = response([service(1)], (), [address(number) for number in range(4000)], question=SERVICE)
    assert len(reader.read(others, SERVICE).addresses) == 1
