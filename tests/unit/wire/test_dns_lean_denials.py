"""response_reader's memory of denials: shared by the names of a zone, and by no others."""

from __future__ import annotations

from collections.abc import Callable
from random import SystemRandom

import dns.message
import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.core.limits.names import DNS_DENIALS_KEPT
from lowatch.resolve.upstream.dns0x20 import mix_case
from lowatch.resolve.upstream.response_reader import ResponseReader
from lowatch.wire import dns_lean
from lowatch.wire.dns import ReplyKind, RRType, encode_query, encode_question
from lowatch.wire.dns_full import parse_full
from lowatch.wire.dns_lean import denial_key, is_shareable, parse_lean
from tests.support.dns_server import Query, respond, soa

RANDOM = SystemRandom()

LABELS = st.sampled_from(["a", "b", "ab", "ba", "com", "example", "a-b"])
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
ZONES = st.sampled_from(["", "com", "example.com", "b", "a.b", "ab.com"])


class _Silent:
    def on_mismatch(self) -> None:
        raise AssertionError


def denial(name: str, zone: str, rrtype: RRType, ttl: int, rcode: str) -> tuple[bytes, bytes]:
    """A response by dnspython, and the question it is to. The SOA's mname and rname are in the zone."""
    question = encode_question(name, rrtype)
    query = Query(encode_query(mix_case(question, RANDOM), 7), name, rrtype.name, "udp", ("127.0.0.1", 53))
    record = soa(f"{zone}." if zone else ".", ttl=ttl, minimum=ttl)
    return respond(query, authority=[record.replace("..", ".")], rcode=rcode), question


RCODES = st.sampled_from(["NOERROR", "NXDOMAIN"])
DENIALS = st.tuples(NAMES, ZONES, st.sampled_from(RRType), st.integers(0, 3), RCODES)


@given(st.lists(DENIALS, min_size=1, max_size=12))
def test_what_is_remembered_is_what_reading_it_would_say(
    denials: list[tuple[str, str, RRType, int, str]],
) -> None:
    reader = ResponseReader(_Silent(), draw=lambda: 0.5)
    for one in denials:
        message, question = denial(*one)
        assert reader.read(message, question) == parse_full(message)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What was read octet by octet."""
    seen: list[bytes] = []
    real: Callable[[bytes, bytes], object] = dns_lean.parse_lean

    def reading(message: bytes, question: bytes) -> object:
        seen.append(message)
        return real(message, question)

    monkeypatch.setattr("lowatch.resolve.upstream.response_reader.parse_lean", reading)
    return seen


def test_one_name_of_a_zone_is_read_for_all_with_labels_of_its_length(reads: list[bytes]) -> None:
    reader = ResponseReader(_Silent(), draw=lambda: 0.5)
    for name in ("www.example.com", "api.example.com", "ftp.example.com", "mail.example.com"):
        message, question = denial(name, "example.com", RRType.AAAA, 60, "NOERROR")
        assert reader.read(message, question).kind is ReplyKind.NODATA
    assert len(reads) == 2


def test_a_zone_that_begins_within_the_first_label_is_shared_with_nobody() -> None:
    """A pointer into the middle of a label makes another name of it."""
    message, question = denial("www.example.com", "example.com", RRType.AAAA, 60, "NOERROR")
    at = message.index(b"\xc0\x10")  # the zone: www is 12 to 15
    assert is_shareable(message, question)
    for target in (13, 14, 15):
        assert not is_shareable(message[:at] + bytes((0xC0, target)) + message[at + 2 :], question)
    assert is_shareable(message[:at] + b"\xc0\x0c" + message[at + 2 :], question)
    spelled = message[:at] + b"\3WWW\7example\3com\0" + message[at + 2 :]
    assert parse_lean(spelled, question) is not None
    assert not is_shareable(spelled, question)
    assert denial_key(message, question) is not None
    assert parse_lean(message, question) is not None


def test_what_has_an_answer_is_no_denial() -> None:
    question = encode_question("www.example.com", RRType.A)
    query = Query(encode_query(question, 7), "www.example.com", "A", "udp", ("127.0.0.1", 53))
    assert denial_key(respond(query, "www.example.com. 60 IN A 192.0.2.10"), question) is None


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DNS_DENIALS_KEPT, "value", 8)
    reader = ResponseReader(_Silent(), draw=lambda: 0.5)
    for ttl in range(100):
        message, question = denial("www.example.com", "example.com", RRType.AAAA, ttl, "NOERROR")
        assert reader.read(message, question).ttl == ttl
        assert len(reader._denials) <= 8
    assert dns.message.from_wire(message).question[0].name == dns.name.from_text("www.example.com")
