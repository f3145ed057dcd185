"""DNS messages (RFC 1035, EDNS of RFC 6891): queries, and the result of a response.

dns_lean parses common responses, and dns_full all others.
"""

from __future__ import annotations

import struct
from enum import IntEnum, StrEnum
from typing import NamedTuple

from lowatch.core.addresses import Address

MAX_CHAIN = 16
"""CNAMEs followed for one name, in one message or over several."""

HEADER_LENGTH = 12
MAX_TTL = 0x7FFFFFFF
"""A TTL with its top bit set counts as 0 (RFC 2181, 8)."""

# After the id: RD set, one question, no answer, no authority, one additional record (the OPT).
QUERY_HEADER = struct.pack("!HHHHH", 0x0100, 1, 0, 0, 1)
# The root as owner, TYPE 41, CLASS = a payload of 1232 octets (no fragments, DNS flag day 2020).
QUERY_END = b"\0" + struct.pack("!HHIH", 41, 1232, 0, 0)
_CLASS_IN = b"\0\1"
_QR_AND_OPCODE, _QR_ALONE = 0xF8, 0x80
TC = 0x02
"""The bit of a message's third octet that says it was truncated."""


DENIED = b"NODATA"
"""A known answer in place of an address: the name has no record of that type."""


class RRType(IntEnum):
    """The record types that are queried, by their numbers on the wire."""

    A = 1
    PTR = 12
    AAAA = 28
    SRV = 33


class ReplyKind(StrEnum):
    """The result of a response. NXDOMAIN, NODATA and failure are never merged (RFC 9499)."""

    ADDRESSES = "addresses"
    NXDOMAIN = "nxdomain"
    NODATA = "nodata"
    ALIAS = "alias"
    """A chain of CNAMEs whose last name the response does not resolve: query that one."""
    FAILURE = "failure"


class Reply(NamedTuple):
    """What a response says, or why there is none.

    rcode: its RCODE's mnemonic, or a substitute ("TIMEOUT", "UNREACHABLE", "MALFORMED").
    addresses: sorted, empty unless kind is ADDRESSES. For an SRV or PTR query: see srv_record, ptr_record.
    chain: CNAME targets, in order, lower case.
    ttl: seconds, the minimum along the chain; for a negative reply the SOA's too (RFC 2308, 5).
    reason: one line, for a FAILURE; "" otherwise.
    """

    kind: ReplyKind
    rcode: str
    addresses: tuple[Address, ...] = ()
    chain: tuple[str, ...] = ()
    ttl: int = 0
    reason: str = ""


def failure(rcode: str, reason: str) -> Reply:
    return Reply(ReplyKind.FAILURE, rcode, reason=reason)


def srv_record(port: int, target: str) -> Address:
    """An SRV record (RFC 2782), encoded as octets in place of an address in a Reply.

    target: lower case, without its final dot. Priority and weight are left out, because each record counts.
    """
    return Address(port.to_bytes(2, "big") + target.encode())


def ptr_record(target: str) -> Address:
    """A PTR record, encoded like an SRV record with port 0. target: as in srv_record()."""
    return srv_record(0, target)


def parse_srv_record(record: Address) -> tuple[int, str]:
    """The port and target of a record encoded by srv_record() or ptr_record()."""
    return int.from_bytes(record[:2], "big"), record[2:].decode()


def encode_name(name: str) -> bytes:
    """A name without its trailing dot, as labels. Raises ValueError if it is not a domain name."""
    if "\\" in name or name == ".":  # only a CNAME's target may be as unusual as that
        return _encode_unusual_name(name)
    labels = name.encode("ascii").split(b".")
    if not all(0 < len(label) < 64 for label in labels) or len(name) > 253:
        raise ValueError(f"{name!r} is not a domain name")
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def _encode_unusual_name(name: str) -> bytes:
    import dns.name  # noqa: PLC0415  # costs megabytes, and most hosts never meet such a name

    return dns.name.from_text(name).to_digestable()


def encode_question(name: str, rrtype: RRType) -> bytes:
    """The question section for a name, which a response must repeat octet by octet."""
    return encode_name(name) + rrtype.to_bytes(2, "big") + _CLASS_IN


def encode_query(question: bytes, ident: int) -> bytes:
    """A whole query; `ident` is its random 16-bit id."""
    return ident.to_bytes(2, "big") + QUERY_HEADER + question + QUERY_END


def ident_of(message: bytes) -> int:
    """The id of a message; -1 if it is shorter than a header, so that it cannot match."""
    return int.from_bytes(message[:2], "big") if len(message) >= HEADER_LENGTH else -1


def repeats_question(message: bytes, question: bytes) -> bool:
    """Whether it is a response to exactly this question. No other message is read."""
    return (
        len(message) >= HEADER_LENGTH
        and message[2] & _QR_AND_OPCODE == _QR_ALONE
        and message[4:6] == b"\0\1"
        and message.startswith(question, HEADER_LENGTH)
    )


def is_truncated(message: bytes) -> bool:
    return bool(message[2] & TC)


def loop_reason(name: str) -> str:
    return f"CNAME loop at {name}"


def length_reason() -> str:
    return f"a chain of more than {MAX_CHAIN} CNAMEs"
