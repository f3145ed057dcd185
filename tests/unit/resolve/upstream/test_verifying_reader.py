"""Every response read twice: what dnspython says counts, and the difference is kept."""

from __future__ import annotations

import pytest

from lowatch.core.addresses import parse_address
from lowatch.core.limits.names import DNS_FULL_BYTES
from lowatch.resolve.upstream import response_reader, verifying_reader
from lowatch.resolve.upstream.verifying_reader import VerifyingReader
from lowatch.wire.dns import Reply, ReplyKind, RRType, encode_question
from tests.support.dns_messages import ASKED, QUESTION, A, opt, record, response
from tests.unit.resolve.asking import Counts

COMMON = response([record(ASKED, A, b"\xc0\0\2\x0a")], additional=[opt()])
RIGHT = Reply(ReplyKind.ADDRESSES, "NOERROR", (parse_address("192.0.2.10"),), (), 60)


@pytest.fixture
def reader() -> VerifyingReader:
    return VerifyingReader(Counts())


def test_agreement_is_counted(reader: VerifyingReader) -> None:
    assert [reader.read(COMMON, QUESTION) for _ in range(3)] == [RIGHT] * 3
    assert (reader.compared, reader.differing, reader.differences) == (3, 0, {})


def test_what_is_unusual_is_read_by_dnspython_alone(reader: VerifyingReader) -> None:
    assert reader.read(response(rcode=2), QUESTION).rcode == "SERVFAIL"
    assert reader.compared == 0


def test_what_is_too_large_for_dnspython_is_not_read_by_it(
    reader: VerifyingReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DNS_FULL_BYTES, "value", 20)
    assert reader.read(COMMON, QUESTION) == RIGHT
    assert reader.compared == 0


def test_a_difference_in_words(reader: VerifyingReader, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = RIGHT._replace(addresses=(parse_address("203.0.113.66"),), chain=("x.example",))
    monkeypatch.setattr(response_reader, "parse_lean", lambda message, question: wrong)
    assert reader.read(COMMON, QUESTION) == RIGHT
    assert reader.read(COMMON, QUESTION) == RIGHT
    assert reader.differing == 2
    [said] = reader.differences
    assert said == (
        "www.example.com A: addresses is 203.0.113.66 by the lean parser and 192.0.2.10 by dnspython; "
        "chain is a text of 9 by the lean parser and nothing by dnspython"
    )


def test_the_reading_of_a_renewal_is_compared_too(
    reader: VerifyingReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifying_reader, "renewed_ttl", lambda *_: 61)
    reader.read(COMMON, QUESTION)
    assert list(reader.differences) == [
        "www.example.com A: a renewal's ttl is 61 by the lean parser and 60 by dnspython"
    ]


def test_each_response_is_to_be_read(reader: VerifyingReader) -> None:
    assert reader.renewed_ttl(COMMON, QUESTION, RIGHT.addresses[0]) is None


def test_no_text_is_shown_that_could_be_a_name(
    reader: VerifyingReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = Reply(ReplyKind.FAILURE, "SERVFAIL", reason="intranet is down")
    monkeypatch.setattr(response_reader, "parse_lean", lambda message, question: wrong)
    question = encode_question("intranet", RRType.A)
    reader.read(response([record(ASKED, A, b"\xc0\0\2\x0a")], question=question), question)
    [said] = reader.differences
    assert "intranet" not in said
    assert said.startswith("a name of one label A: kind is failure by the lean parser and addresses by dns")
