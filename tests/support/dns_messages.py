"""DNS responses, octet by octet: what no library would write, too."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from lowatch.wire.dns import RRType, encode_query, encode_question
from tests.support.dns_server import Query

WWW = "www.example.com"
QUESTION = encode_question(WWW, RRType.A)
BODY = 12 + len(QUESTION)
"""Where the first record of a response to QUESTION begins."""

ASKED = b"\xc0\x0c"
"""The name asked for, as a compression pointer."""

A, NS, CNAME, SOA, TXT, AAAA, OPT, RRSIG, PRIVATE = 1, 2, 5, 6, 16, 28, 41, 46, 65280
IN, CHAOS = 1, 3


def query(name: str = WWW, rrtype: RRType = RRType.A, ident: int = 4711) -> Query:
    message = encode_query(encode_question(name, rrtype), ident)
    return Query(message, name, rrtype.name, "udp", ("192.0.2.1", 1))


def name(text: str) -> bytes:
    """Uncompressed. "" is the root."""
    labels = text.encode("latin-1").split(b".") if text else []
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def pointer(target: int) -> bytes:
    return (0xC000 | target).to_bytes(2, "big")


def record(owner: bytes, rrtype: int, rdata: bytes, *, ttl: int = 60, rrclass: int = IN) -> bytes:
    return owner + struct.pack("!HHIH", rrtype, rrclass, ttl, len(rdata)) + rdata


def soa_rdata(*, mname: bytes = b"\0", rname: bytes = b"\0", minimum: int = 60) -> bytes:
    return mname + rname + struct.pack("!IIIII", 1, 3600, 600, 86400, minimum)


def opt(*, owner: bytes = b"\0", extended: int = 0, rdata: bytes = b"") -> bytes:
    """extended: the TTL's place, which holds the extended RCODE, the version and the flags."""
    return record(owner, OPT, rdata, ttl=extended, rrclass=1232)


def response(
    answer: Sequence[bytes] = (),
    authority: Sequence[bytes] = (),
    additional: Sequence[bytes] = (),
    *,
    rcode: int = 0,
    flags: int = 0x8180,
    question: bytes = QUESTION,
) -> bytes:
    """flags: QR, RD and RA, where not said otherwise."""
    counts = (1, len(answer), len(authority), len(additional))
    header = struct.pack("!HHHHHH", 4711, flags | rcode, *counts)
    return header + question + b"".join((*answer, *authority, *additional))
