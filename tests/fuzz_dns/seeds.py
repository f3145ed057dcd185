"""Responses that servers sent: captured once from several, and asked of Knot now."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lowatch.wire.dns import RRType, encode_query, encode_question
from tests.support.dns_server import Knot, Query, respond

# All that a zone can hold that an A or AAAA query may meet.
ZONES = {
    "example.com": """
www A 192.0.2.10
www AAAA 2001:db8::10
several A 192.0.2.1
several A 192.0.2.2
several A 192.0.2.3
mapped AAAA ::ffff:192.0.2.1
alias CNAME www
inner CNAME alias
Mixed CNAME WwW.Example.NET.
across 7 CNAME www.example.net.
lost CNAME www.example.org.
nowhere CNAME none
loop CNAME loop2
loop2 CNAME loop
odd CNAME a\\.b\\007.example.net.
root CNAME .
*.wild A 192.0.2.40
deep.in.the.tree A 192.0.2.41
sub NS ns
dn DNAME example.net.
"""
    + "\n".join(f"chain{n} CNAME chain{n + 1}" for n in range(18))
    + "\nchain18 A 192.0.2.42",
    "example.net": "www 30 A 198.51.100.1\na\\.b\\007 A 198.51.100.2",
}
NAMES = (
    "www", "several", "mapped", "alias", "inner", "mixed", "across", "lost", "nowhere", "loop", "odd",
    "root", "any.wild", "none", "in.the.tree", "deep.in.the.tree", "x.sub", "www.dn", "chain0",
    "chain2", "chain16",
)  # fmt: skip


class Seed(NamedTuple):
    """A response, and the question (as encode_question makes it) that it repeats."""

    question: bytes
    message: bytes


class Captured(NamedTuple):
    """server: with its version. lean: whether the lean parser is to read it."""

    server: str
    lean: bool
    asked: str
    seed: Seed


def captured() -> list[Captured]:
    """From captured.txt, which was made of zones like those above, served or forwarded on loopback."""
    lines = Path(__file__).with_name("captured.txt").read_text().splitlines()
    return [_parse(line) for line in lines if not line.startswith("#")]


def _parse(line: str) -> Captured:
    server, parser, asked, octets = line.split("; ")
    name, rrtype = asked.split()
    seed = Seed(encode_question(name, RRType[rrtype]), bytes.fromhex(octets))
    return Captured(server, parser == "lean", asked, seed)


def from_knot(knot: Knot) -> Iterator[Seed]:
    """Its responses to a query for each of NAMES, which it must serve."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        sock.connect((knot.nameserver.host, knot.nameserver.port))
        for name in NAMES:
            for rrtype in RRType:
                question = encode_question(f"{name}.example.com", rrtype)
                sock.send(encode_query(question, 4711))
                yield Seed(question, sock.recv(4096))


def built() -> Iterator[Seed]:
    """What is rarely met: many records, everything at once, EDNS options."""
    question = encode_question("www.example.com", RRType.A)
    query = Query(encode_query(question, 4711), "www.example.com", "A", "udp", ("192.0.2.1", 1))
    many = [f"www.example.com. 60 IN A 192.0.2.{n}" for n in range(60)]
    signed = "www.example.com. 60 IN RRSIG A 8 3 60 20300101000000 20200101000000 1 example.com. AAAA"
    root = ". 60 IN SOA a.root-servers.net. nstld.verisign-grs.com. 1 1800 900 604800 86400"
    for message in (
        respond(query, *many),
        respond(query, many[0], signed, authority=["example.com. 60 IN NS ns.example.com."]),
        respond(query, many[0], "www.example.com. 60 CH TXT text"),
        respond(query, authority=[root, "example.com. 60 IN NS ns.example.com."]),
        respond(query, rcode="NXDOMAIN", authority=[root]),
        respond(query, rcode="SERVFAIL", extended_error=(22, "no reachable authority")),
        respond(query, rcode="BADVERS"),
        respond(query, truncated=True),
    ):
        yield Seed(question, message)
