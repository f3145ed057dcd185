"""Asks a server for the serial number of a zone: an SOA query (RFC 1035, 3.3.13) and its answer."""

from __future__ import annotations

import struct

from .dns import HEADER_LENGTH, encode_name, encode_query, ident_of, repeats_question

_SOA_IN = b"\0\6\0\1"
_RCODES = {1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 9: "NOTAUTH"}
_POINTER = 0xC0
_FIXED = 10
"""Octets of a record between its owner and its data: type, class, TTL and length."""
_SHORTEST_SOA = 22
"""Octets of an SOA's data: two names, the root at least, and five numbers."""
_MOST_RECORDS = 16
"""An answer of more records is not looked through. One with its signature has two."""


def soa_question(zone: str) -> bytes:
    """The question for a zone's SOA record. zone: "" for the root. Raises ValueError if it is no name."""
    return (encode_name(zone) if zone else b"\0") + _SOA_IN


def soa_query(question: bytes, ident: int) -> bytes:
    """A whole query; `ident` is its random 16-bit id."""
    return encode_query(question, ident)


def answers(message: bytes, question: bytes, ident: int) -> bool:
    """Whether a message is the response to this query. No other message is read."""
    return ident_of(message) == ident and repeats_question(message, question)


def serial_of(message: bytes, question: bytes) -> int | str:
    """The serial that a response gives; otherwise why it gives none, such as "SERVFAIL"."""
    rcode = message[3] & 0x0F
    if rcode:
        return _RCODES.get(rcode, f"RCODE {rcode}")
    try:
        return _serial(message, HEADER_LENGTH + len(question))
    except (IndexError, struct.error):
        return "a malformed response"


def is_newer(serial: int, other: int) -> bool:
    """Whether a serial comes after another one, by RFC 1982."""
    return 0 < (serial - other) % (1 << 32) < 1 << 31


def _serial(message: bytes, position: int) -> int | str:
    """Of the first SOA record from here. Raises IndexError or struct.error if the message is cut off."""
    for _ in range(min(int.from_bytes(message[6:8], "big"), _MOST_RECORDS)):
        position = _after_name(message, position)
        kind, _, _, length = struct.unpack_from("!HHIH", message, position)
        position += _FIXED + length
        if position > len(message):
            raise IndexError
        if kind == _SOA_IN[1] and length >= _SHORTEST_SOA:
            return int.from_bytes(message[position - 20 : position - 16], "big")
    return "no SOA record"


def _after_name(message: bytes, position: int) -> int:
    """Where a name ends: with the root's label, or with a pointer."""
    while length := message[position]:
        if length >= _POINTER:
            return position + 2
        position += 1 + length
    return position + 1
