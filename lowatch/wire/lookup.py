"""A lookup that somebody else made: its name and its addresses, from the DNS response."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from lowatch.core.addresses import Address

from .dns import HEADER_LENGTH, ReplyKind, RRType
from .dns_lean import parse_large

# TYPE, CLASS IN, any TTL and RDLENGTH of an A or an AAAA record, and its address. It looks ahead, because
# octets that only look like a record must not hide one.
_RECORDS = re.compile(
    rb"\0(?=\x01\0\x01[\0-\xff]{4}\0\x04([\0-\xff]{4})|\x1c\0\x01[\0-\xff]{4}\0\x10([\0-\xff]{16}))"
)
_ASKED = {RRType.A.to_bytes(2, "big") + b"\0\1", RRType.AAAA.to_bytes(2, "big") + b"\0\1"}
_MAX_LABEL = 63
_MAX_NAME = 255
_MAX_MESSAGE = 0xFFFF
"""Octets, as its length takes two by TCP."""
_USUAL = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
"""The octets in labels of names that can be followed."""


class Lookup(NamedTuple):
    """name: lower case, without its final dot. client: who asked; None if that is not known."""

    name: str
    addresses: tuple[Address, ...]
    client: Address | None = None


def mentions(octets: bytes, held: Collection[Address]) -> bool:
    """Whether there may be a record of a held address. It takes a microsecond, and decodes nothing."""
    return any((v4 or v6) in held for v4, v6 in _RECORDS.findall(octets))


def parse_lookup(message: bytes) -> Lookup | None:
    """A DNS response with addresses; None for any other message, and for names that cannot be followed.

    Never raises.
    """
    end = _question_end(message) if len(message) <= _MAX_MESSAGE else None
    if end is None or message[4:6] != b"\0\1" or not message[2] & 0x80:
        return None
    question = message[HEADER_LENGTH:end]
    name = _name(question)
    if name is None or question[-4:] not in _ASKED:
        return None
    reply = parse_large(message, question)
    return Lookup(name, reply.addresses) if reply.kind is ReplyKind.ADDRESSES else None


def _question_end(message: bytes) -> int | None:
    """Where the question section ends; None if its name is compressed, too long or cut off."""
    position = HEADER_LENGTH
    while position < len(message):
        length = message[position]
        position += 1 + length
        if not length:
            end = position + 4
            return end if end <= len(message) and position - HEADER_LENGTH <= _MAX_NAME else None
        if length > _MAX_LABEL:
            return None
    return None


def _name(question: bytes) -> str | None:
    """The name in lower case; None for the root, and for one with octets that need escapes."""
    labels, position = [], 0
    while length := question[position]:
        label = question[position + 1 : position + 1 + length]
        if label.translate(None, _USUAL):
            return None
        labels.append(label)
        position += 1 + length
    return b".".join(labels).decode("ascii").lower() or None
