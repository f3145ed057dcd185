"""lowatch.wire.dns: queries as dnspython would write them, and which responses are theirs."""

from __future__ import annotations

import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.wire.dns import (
    RRType,
    encode_name,
    encode_query,
    encode_question,
    ident_of,
    is_truncated,
    repeats_question,
)
from tests.support.dns_messages import WWW, query
from tests.support.dns_server import respond

LABEL = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=63)
NAME = st.lists(LABEL, min_size=1, max_size=3).map(".".join)


@given(NAME, st.sampled_from(RRType), st.integers(0, 0xFFFF))
def test_a_query_reads_as_one_of_dnspython(name: str, rrtype: RRType, ident: int) -> None:
    expected = dns.message.make_query(name, rrtype.name, use_edns=0, payload=1232, id=ident)
    assert encode_query(encode_question(name, rrtype), ident) == expected.to_wire()


@pytest.mark.parametrize("name", ["", "a..b", ".a", "a" * 64, ".".join(["a" * 50] * 6), "\u00fc"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        encode_name(name)


@pytest.mark.parametrize(
    ("text", "wire"),
    [(".", b"\0"), (r"a\.b.test", b"\3a.b\4test\0"), (r"\007.test", b"\1\7\4test\0")],
)
def test_an_unusual_alias_can_be_asked_for(text: str, wire: bytes) -> None:
    assert encode_name(text) == wire


def test_a_response_repeats_id_and_question() -> None:
    question = encode_question(WWW, RRType.A)
    message = respond(query(ident=4711), f"{WWW}. 60 IN A 192.0.2.10")
    assert ident_of(message) == 4711
    assert repeats_question(message, question)
    assert not is_truncated(message)
    assert is_truncated(respond(query(), truncated=True))


@pytest.mark.parametrize(
    "message",
    [
        query().message,
        respond(query(rrtype=RRType.AAAA)),
        respond(query("www.example.net")),
        respond(query())[:12],
        b"\x12\x67",
        b"",
        respond(query()).replace(b"\3www", b"\3WWW"),
    ],
    ids=["a query", "another type", "another name", "no question", "an id", "nothing", "case"],
)
def test_what_is_no_response_to_the_question(message: bytes) -> None:
    assert not repeats_question(message, encode_question(WWW, RRType.A))
