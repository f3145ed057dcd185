"""Netlink messages and attributes: bytes in, spans and values out (linux/netlink.h).

Decoding uses struct because it is a hot path: a full audit decodes tens of thousands of messages, at
1.3-2.1 us each here and 22-35 us with pyroute2. tests/wire/ fuzzes it and compares it with pyroute2.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Any, Generic, NamedTuple, TypeVar

from lowatch.core.values import new

NLM_F_REQUEST = 0x1
NLM_F_DUMP_INTR = 0x10
NLM_F_DUMP = 0x300
NLM_F_REPLACE = 0x100  # on an RTM_NEW... event: it replaced another object, which the event does not name
NLMSG_NOOP, NLMSG_ERROR, NLMSG_DONE, NLMSG_OVERRUN = 1, 2, 3, 4

HEADER = Struct("=IHHII")
_ERRNO = Struct("=i")
_MAX_ERRNO = 4095  # linux/err.h
_ATTRIBUTE = Struct("=HH")
_TYPE_MASK = 0x3FFF  # NLA_F_NESTED and NLA_F_NET_BYTEORDER are flags of the type


class MalformedMessageError(ValueError):
    """The bytes violate the protocol. The kernel never sends such a message; a fuzzer does."""


class Span(NamedTuple):
    """One netlink message in a datagram: its header, and where its body starts and ends in `data`."""

    type: int
    flags: int
    sequence: int
    start: int
    end: int


def spans(data: bytes) -> list[Span]:
    """The messages of a datagram. Raises MalformedMessageError at the first impossible length."""
    found = []
    offset, size, header, unpack = 0, len(data), HEADER.size, HEADER.unpack_from
    while offset + header <= size:
        length, kind, flags, sequence, _ = unpack(data, offset)
        end = offset + length
        if length < header or end > size:
            raise MalformedMessageError(f"a message of {length} octets where {size - offset} are left")
        found.append(new(Span, (kind, flags, sequence, offset + header, end)))
        offset += (length + 3) & ~3
    if offset < size:
        raise MalformedMessageError(f"{size - offset} octets left: no room for a header")
    return found


def only_message(data: bytes) -> Span:
    """The message of a reply that contains exactly one. Raises MalformedMessageError."""
    if len(data) < HEADER.size:
        raise MalformedMessageError(f"{len(data)} octets: no room for a header")
    length, kind, flags, sequence, _ = HEADER.unpack_from(data)
    if not HEADER.size <= length <= len(data):
        raise MalformedMessageError(f"a message of {length} octets in {len(data)}")
    return Span(kind, flags, sequence, HEADER.size, length)


def error_code(data: bytes, span: Span) -> int:
    """The positive errno in an NLMSG_ERROR or NLMSG_DONE body; 0 means success.

    Raises MalformedMessageError.
    """
    if span.end - span.start < _ERRNO.size:
        return 0
    code: int = _ERRNO.unpack_from(data, span.start)[0]
    if not -_MAX_ERRNO <= code <= 0:
        raise MalformedMessageError(f"{code} is not an error code")
    return -code


def request(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    return HEADER.pack(HEADER.size + len(body), kind, flags | NLM_F_REQUEST, sequence, 0) + body


def attribute(kind: int, payload: bytes) -> bytes:
    """One attribute, padded to 4 octets."""
    length = _ATTRIBUTE.size + len(payload)
    return _ATTRIBUTE.pack(length, kind) + payload + bytes(-length % 4)


def walk_attributes(data: bytes, start: int, end: int) -> dict[int, tuple[int, int]]:
    """Attribute type -> start and end of its payload. The last attribute of a repeated type counts.

    Raises MalformedMessageError.
    """
    found: dict[int, tuple[int, int]] = {}
    offset = start
    while offset + _ATTRIBUTE.size <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < _ATTRIBUTE.size or offset + length > end:
            raise MalformedMessageError(f"an attribute of {length} octets, {end - offset} left")
        found[kind & _TYPE_MASK] = (offset + _ATTRIBUTE.size, offset + length)
        offset += (length + 3) & ~3
    return found


Shape = TypeVar("Shape")
_Values = tuple[Any, ...]
"""Octets, or None: payloads that a caller knows to be addresses, say."""


class _Layout(NamedTuple, Generic[Shape]):
    """How messages of one length were laid out: fixed and varying pieces in turn, as one Struct.

    order: the index of each varying attribute's piece, or None if it is absent.
    in_order: whether all are there, in the order of their pieces.
    """

    struct: Struct
    order: tuple[int | None, ...]
    shapes: dict[tuple[bytes, ...], Shape]
    in_order: bool

    def values(self, pieces: tuple[bytes, ...]) -> _Values:
        """The payload of each varying attribute."""
        return tuple([None if index is None else pieces[index] for index in self.order])


class ShapeReader(Generic[Shape]):
    """Reads messages that are mostly equal: ten thousand addresses differ in little but the address.

    The attributes in `varying` differ from message to message and are cut out. The rest of a message, its
    shape, is parsed once and cached. The cached octets include the header of every attribute, so equal
    octets guarantee an equal layout.

    describe(header, attributes, sizes) makes a shape of the fixed header and the payloads, without the
    varying ones, and of the sizes of those that are there. It may raise MalformedMessageError.
    """

    _MAX_SHAPES = 512

    def __init__(
        self,
        header: int,
        varying: tuple[int, ...],
        describe: Callable[[bytes, dict[int, bytes], dict[int, int]], Shape],
    ) -> None:
        self._header = header
        self._varying = varying
        self._describe = describe
        self._layouts: dict[int, _Layout[Shape]] = {}

    def read(self, data: bytes, start: int, end: int) -> tuple[Shape, _Values]:
        """The shape, and the payload of each varying attribute (None if absent).

        Raises MalformedMessageError.
        """
        layout = self._layouts.get(end - start)
        if layout is not None:
            pieces = layout.struct.unpack_from(data, start)
            shape = layout.shapes.get(pieces[::2])
            if shape is not None:
                return shape, pieces[1::2] if layout.in_order else layout.values(pieces)
        return self._walk(data, start, end)

    def _walk(self, data: bytes, start: int, end: int) -> tuple[Shape, _Values]:
        if end - start < self._header:
            raise MalformedMessageError(f"{end - start} octets where {self._header} are needed")
        found = walk_attributes(data, start + self._header, end)
        shape = self._describe(
            bytes(data[start : start + self._header]),
            {k: bytes(data[a:b]) for k, (a, b) in found.items() if k not in self._varying},
            {k: b - a for k, (a, b) in found.items() if k in self._varying},
        )
        cuts = sorted((found[kind], kind) for kind in self._varying if kind in found)
        layout: _Layout[Shape] = _layout(start, end, cuts, self._varying)
        if sum(len(each.shapes) for each in self._layouts.values()) >= self._MAX_SHAPES:
            self._layouts.clear()
        known = self._layouts.get(end - start)
        if known is not None and (known.struct.format, known.order) == (layout.struct.format, layout.order):
            layout = known
        self._layouts[end - start] = layout
        pieces = layout.struct.unpack_from(data, start)
        layout.shapes[pieces[::2]] = shape
        return shape, layout.values(pieces)


def _layout(
    start: int, end: int, cuts: list[tuple[tuple[int, int], int]], varying: tuple[int, ...]
) -> _Layout[Shape]:
    pieces, indexes, offset = ["="], {}, start
    for i, ((first, last), kind) in enumerate(cuts):
        pieces.append(f"{first - offset}s{last - first}s")
        indexes[kind] = 2 * i + 1  # fixed and varying pieces alternate, a fixed one first
        offset = last
    pieces.append(f"{end - offset}s")
    order = tuple(indexes.get(kind) for kind in varying)
    return _Layout(Struct("".join(pieces)), order, {}, order == tuple(range(1, 2 * len(cuts), 2)))


def unpack(layout: Struct, data: bytes, start: int, end: int) -> tuple[int, ...]:
    """The fields of a message's fixed header. Raises MalformedMessageError if the message is too short."""
    if end - start < layout.size:
        raise MalformedMessageError(f"{end - start} octets where {layout.size} are needed")
    return layout.unpack_from(data, start)
