"""lowatch.wire.netlink: headers, spans, attributes and errors, case by case."""

from __future__ import annotations

import errno

import pytest

from lowatch.wire.netlink import (
    HEADER,
    NLMSG_DONE,
    NLMSG_ERROR,
    MalformedMessageError,
    Span,
    attribute,
    error_code,
    only_message,
    request,
    spans,
    walk_attributes,
)


def message(kind: int, body: bytes = b"", flags: int = 0, sequence: int = 0) -> bytes:
    return HEADER.pack(HEADER.size + len(body), kind, flags, sequence, 0) + body


def test_spans_of_several_messages() -> None:
    """Each starts on a boundary of 4 octets; the last needs no padding."""
    data = message(20, b"12345", 2, 7) + bytes(3) + message(24, b"", 0, 8) + message(3, b"1")
    assert spans(data) == [Span(20, 2, 7, 16, 21), Span(24, 0, 8, 40, 40), Span(3, 0, 0, 56, 57)]


def test_no_spans_in_nothing() -> None:
    assert spans(b"") == []


@pytest.mark.parametrize(
    "data",
    [
        b"\0",
        message(20)[:15],
        HEADER.pack(0, 20, 0, 0, 0),
        HEADER.pack(15, 20, 0, 0, 0),
        HEADER.pack(17, 20, 0, 0, 0),
        HEADER.pack(0xFFFFFFFF, 20, 0, 0, 0),
        message(20, b"1234") + b"\0\0",
    ],
    ids=["an octet", "cut", "no length", "short of a header", "too long", "far too long", "more behind"],
)
def test_impossible_datagrams(data: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        spans(data)


@pytest.mark.parametrize("data", [b"", bytes(15), HEADER.pack(15, 2, 0, 0, 0), HEADER.pack(17, 2, 0, 0, 0)])
def test_impossible_replies(data: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        only_message(data)


def test_only_message_is_the_first() -> None:
    assert only_message(message(24, b"1234", 2, 9) + b"rest") == Span(24, 2, 9, 16, 20)


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        (NLMSG_ERROR, (-errno.ENOENT).to_bytes(4, "little", signed=True) + bytes(16), errno.ENOENT),
        (NLMSG_ERROR, bytes(20), 0),
        (NLMSG_DONE, (-errno.EBUSY).to_bytes(4, "little", signed=True), errno.EBUSY),
        (NLMSG_DONE, bytes(4), 0),
        (NLMSG_DONE, b"", 0),
    ],
)
def test_error_code(kind: int, body: bytes, code: int) -> None:
    data = message(kind, body)
    assert error_code(data, only_message(data)) == code


@pytest.mark.parametrize("code", [1, -4096, -(2**31), 2**31 - 1])
def test_impossible_error_codes(code: int) -> None:
    """They would be too much for strerror(), or mean success."""
    data = message(NLMSG_ERROR, code.to_bytes(4, "little", signed=True) + bytes(16))
    with pytest.raises(MalformedMessageError):
        error_code(data, only_message(data))


def test_request_says_its_length_and_that_it_is_one() -> None:
    assert request(22, 0x300, 5, b"body") == HEADER.pack(20, 22, 0x301, 5, 0) + b"body"


@pytest.mark.parametrize(
    ("payload", "octets"),
    [
        (b"", b"\x04\0\x03\0"),
        (b"a", b"\x05\0\x03\0a\0\0\0"),
        (b"abcd", b"\x08\0\x03\0abcd"),
        (b"abcde", b"\x09\0\x03\0abcde\0\0\0"),
    ],
)
def test_attribute_is_padded(payload: bytes, octets: bytes) -> None:
    assert attribute(3, payload) == octets
    assert walk_attributes(octets, 0, len(octets)) == {3: (4, 4 + len(payload))}


@pytest.mark.parametrize(
    ("octets", "found"),
    [
        (b"", {}),
        (b"abc", {}),
        (attribute(1, b"a") + attribute(2, b"bb"), {1: (4, 5), 2: (12, 14)}),
        (attribute(1, b"a") + attribute(1, b"bb"), {1: (12, 14)}),
        (attribute(1 | 0x8000, b"nest"), {1: (4, 8)}),
        (attribute(1 | 0x4000, b"netw"), {1: (4, 8)}),
        (attribute(1, b"abc")[:-1], {1: (4, 7)}),
        (attribute(1, b"abcd") + b"xyz", {1: (4, 8)}),
    ],
    ids=["none", "too little", "two", "repeated", "nested", "byte order", "not padded", "more behind"],
)
def test_attributes(octets: bytes, found: dict[int, tuple[int, int]]) -> None:
    assert walk_attributes(octets, 0, len(octets)) == found


@pytest.mark.parametrize("octets", [b"\0\0\1\0", b"\3\0\1\0", b"\5\0\1\0", b"\xff\xff\1\0abcd"])
def test_impossible_attributes(octets: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        walk_attributes(octets, 0, len(octets))
