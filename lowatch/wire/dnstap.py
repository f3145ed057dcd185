"""dnstap messages (https://dnstap.info, dnstap.proto): the responses that a resolver gave its clients."""

from __future__ import annotations

from lowatch.core.addresses import Address

from .lookup import Lookup, parse_lookup

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MESSAGE, _TYPE = 14 << 3 | _BYTES, 15 << 3 | _VARINT
_OF_MESSAGE = 1
"""Dnstap.type: MESSAGE, the only one."""
_KIND, _QUERY_ADDRESS, _RESPONSE = 1 << 3 | _VARINT, 4 << 3 | _BYTES, 14 << 3 | _BYTES
_TO_CLIENTS = (2, 6)
"""Message.type: AUTH_RESPONSE, CLIENT_RESPONSE. The others are what the resolver itself asks for."""
_LENGTHS = (4, 16)
_MAX_FIELDS = 64
"""Of one message: dnstap.proto has 16. Each takes a microsecond."""


class _MalformedError(Exception):
    """The message is cut off, has too many fields, or is none."""


def parse_dnstap(frame: bytes) -> Lookup | None:
    """The lookup of a client, with its address; None for any other message. Never raises."""
    try:
        fields = _fields(frame)
        if fields.get(_TYPE) != _OF_MESSAGE:
            return None
        message = _fields(_octets(fields.get(_MESSAGE)))
        if message.get(_KIND) not in _TO_CLIENTS:
            return None
        lookup = parse_lookup(_octets(message.get(_RESPONSE)))
    except _MalformedError:
        return None
    client = message.get(_QUERY_ADDRESS)
    if lookup is None or not isinstance(client, bytes) or len(client) not in _LENGTHS:
        return lookup
    return Lookup(lookup.name, lookup.addresses, Address(client))


def _octets(value: int | bytes | None) -> bytes:
    if not isinstance(value, bytes):
        raise _MalformedError
    return value


def _fields(octets: bytes) -> dict[int, int | bytes]:
    """The fields of a protobuf message by number and wire type; of a repeated one the last."""
    found: dict[int, int | bytes] = {}
    position, end, left = 0, len(octets), _MAX_FIELDS
    while position < end:
        if not left:
            raise _MalformedError
        left -= 1
        key, position = _varint(octets, position)
        kind = key & 7
        if key == kind:
            raise _MalformedError  # there is no field 0
        if kind == _BYTES:
            length, position = _varint(octets, position)
            found[key] = octets[position : position + length]
            position += length
        elif kind == _VARINT:
            found[key], position = _varint(octets, position)
        elif kind in (_FIXED64, _FIXED32):
            position += 8 if kind == _FIXED64 else 4
        else:
            raise _MalformedError
    if position > end:
        raise _MalformedError  # the last field is cut off
    return found


def _varint(octets: bytes, position: int) -> tuple[int, int]:
    """The number at `position`, of up to ten octets, and where it ends."""
    if position < len(octets) and octets[position] < 0x80:
        return octets[position], position + 1  # nearly always
    number = 0
    for shift in range(0, 70, 7):
        if position >= len(octets):
            raise _MalformedError
        octet = octets[position]
        position += 1
        number |= (octet & 0x7F) << shift
        if octet < 0x80:
            return number, position
    raise _MalformedError
