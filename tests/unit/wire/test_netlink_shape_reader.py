"""ShapeReader: remembered layouts never change what is read, and do not pile up."""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack, unpack_from

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.wire.netlink import MalformedMessageError, ShapeReader, attribute

HEADER = 4
VARYING = (1, 2)

Attributes = dict[int, bytes]
Shape = tuple[bytes, tuple[tuple[int, bytes], ...], tuple[tuple[int, int], ...]]
Read = tuple[Shape, tuple[bytes | None, ...]]


def describe(header: bytes, attributes: Attributes, sizes: dict[int, int]) -> Shape:
    return header, tuple(sorted(attributes.items())), tuple(sorted(sizes.items()))


def reader(varying: tuple[int, ...] = VARYING) -> ShapeReader[Shape]:
    return ShapeReader(HEADER, varying, describe)


def plainly(message: bytes, varying: tuple[int, ...] = VARYING) -> Read:
    """The same without any memory, written without a look at the other."""
    header, rest = message[:HEADER], message[HEADER:]
    if len(header) < HEADER:
        raise MalformedMessageError("no header")
    attributes: Attributes = {}
    while len(rest) >= 4:
        length, kind = unpack_from("=HH", rest)
        if not 4 <= length <= len(rest):
            raise MalformedMessageError("an impossible length")
        attributes[kind & 0x3FFF] = rest[4:length]
        rest = rest[length + -length % 4 :]
    sizes = {k: len(v) for k, v in attributes.items() if k in varying}
    shape = describe(header, {k: v for k, v in attributes.items() if k not in varying}, sizes)
    return shape, tuple(attributes.get(kind) for kind in varying)


def read_or_error(message: bytes, using: ShapeReader[Shape] | None, varying: tuple[int, ...]) -> object:
    try:
        return using.read(message, 0, len(message)) if using else plainly(message, varying)
    except MalformedMessageError:
        return MalformedMessageError


# Few kinds, lengths and octets: messages collide in length, in layout, and in all but one octet.
OCTETS = st.sampled_from([b"", b"a", b"b", b"ab", b"aaaa", b"bbbb", b"aaaaaaaa", b"\x08\0\x02\0aaaa"])
KINDS = st.sampled_from([1, 2, 3, 4, 1 | 0x8000, 2 | 0x4000])
PADDING = st.sampled_from([b"\0", b"\xff"])


@st.composite
def attributes(draw: st.DrawFn) -> bytes:
    payload = draw(OCTETS)
    padding = draw(PADDING) * (-len(payload) % 4)
    return pack("=HH", 4 + len(payload), draw(KINDS)) + payload + padding


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    whole = draw(st.sampled_from([b"head", b"HEAD"])) + b"".join(draw(st.lists(attributes(), max_size=5)))
    return draw(st.sampled_from([whole, whole, whole, whole + b"xyz", whole[:-1], whole[:-5]]))


@given(st.lists(messages(), min_size=1, max_size=25), st.sampled_from([VARYING, (), (2,), (2, 1)]))
def test_reads_as_if_it_remembered_nothing(sent: list[bytes], varying: tuple[int, ...]) -> None:
    one = reader(varying)
    for message in [*sent, *sent]:
        assert read_or_error(message, one, varying) == read_or_error(message, None, varying)


@given(messages(), st.binary(max_size=9), st.binary(max_size=9))
def test_reads_from_the_given_position(message: bytes, before: bytes, after: bytes) -> None:
    """Messages stand one after the other in a datagram."""
    one = reader()
    expected = read_or_error(message, None, VARYING)
    for _ in range(2):
        try:
            found: object = one.read(before + message + after, len(before), len(before) + len(message))
        except MalformedMessageError:
            found = MalformedMessageError
        assert found == expected


SWAPPED = (
    b"head" + attribute(1, b"AAAA") + attribute(2, b"BBBB"),
    b"head" + attribute(2, b"BBBB") + attribute(1, b"AAAA"),
)
ONE_OF_TWO = (
    b"head" + attribute(3, b"....") + attribute(1, b"AAAA"),  # RTA_TABLE, RTA_DST: a route to somewhere
    b"head" + attribute(3, b"....") + attribute(2, b"BBBB"),  # RTA_TABLE, RTA_PREFSRC: the default route
)
REPEATED = (
    b"head" + attribute(1, b"AAAA") + attribute(1, b"BBBB"),
    b"head" + attribute(1, b"BBBB") + attribute(1, b"AAAA"),
)
AN_ATTRIBUTE_AS_PAYLOAD = (
    b"head" + attribute(1, attribute(2, b"AAAA")),
    b"head" + attribute(1, b"") + attribute(2, b"AAAA"),
    b"head" + attribute(3, attribute(2, b"AAAA")),
)


@pytest.mark.parametrize("sent", [SWAPPED, ONE_OF_TWO, REPEATED, AN_ATTRIBUTE_AS_PAYLOAD])
def test_same_length_other_layout(sent: Sequence[bytes]) -> None:
    for order in (sent, tuple(reversed(sent))):
        one = reader()
        for message in [*order, *order]:
            assert one.read(message, 0, len(message)) == plainly(message)


def test_shapes_are_described_once() -> None:
    """Ten thousand addresses of one interface are one shape: the very same object."""
    one = reader()
    shapes = set()
    for number in range(10_000):
        message = b"head" + attribute(3, b"lo\0\0") + attribute(1, number.to_bytes(4, "big"))
        shape, (payload, _) = one.read(message, 0, len(message))
        assert payload == number.to_bytes(4, "big")
        shapes.add(id(shape))
    assert len(shapes) == 1


@pytest.mark.parametrize("lengths", [1, 3, 600])
def test_memory_is_bounded(lengths: int) -> None:
    """However many shapes come, of one length or of many: what is remembered stays small."""
    one = reader()
    most = 0
    for number in range(3000):
        padding = attribute(4, bytes(4 * (number % lengths)))
        message = b"head" + padding + attribute(3, number.to_bytes(4, "big")) + attribute(1, b"AAAA")
        assert one.read(message, 0, len(message)) == plainly(message)
        most = max(most, sum(len(layout.shapes) for layout in one._layouts.values()))
    assert most <= ShapeReader._MAX_SHAPES
