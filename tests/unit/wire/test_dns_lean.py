"""lowatch.wire.dns_lean: takes what is common, leaves the rest, and always agrees with dnspython."""

from __future__ import annotations

import itertools
import random

import pytest

from lowatch.core.addresses import parse_address
from lowatch.wire.dns import MAX_CHAIN, Reply, ReplyKind, RRType, encode_question
from lowatch.wire.dns_full import parse_full
from lowatch.wire.dns_lean import parse_lean
from tests.fuzz_dns.compare import Account
from tests.fuzz_dns.mutations import mutants
from tests.fuzz_dns.seeds import ZONES, Captured, built, captured, from_knot
from tests.support.dns_messages import (
    AAAA,
    ASKED,
    BODY,
    CHAOS,
    CNAME,
    NS,
    QUESTION,
    RRSIG,
    SOA,
    TXT,
    WWW,
    A,
    name,
    opt,
    pointer,
    record,
    response,
    soa_rdata,
)
from tests.support.dns_server import Knot

MUTANTS = 5_000
ONE = b"\xc0\0\2\1"
TWO = b"\xc0\0\2\2"
AN_A = record(ASKED, A, ONE)
A_SOA = record(pointer(16), SOA, soa_rdata())
ALIAS = record(ASKED, CNAME, name("b.test"))
AN_OPT = opt()
RDATA = BODY + 12
"""Where the rdata of the first record begins, if its owner is a pointer."""

# An SOA's mname and rname, and three octets of its serial: rname points to mname's second octet, taken
# for the length of a label, which ends where the serial's fourth octet is the root, or a pointer begins.
OVERRUN = b"\1\6\0" + pointer(RDATA + 1) + bytes(3)


def denial(zone: bytes, rdata: bytes | None = None, **changed: int) -> bytes:
    return response([], [record(zone, SOA, soa_rdata() if rdata is None else rdata, **changed)])


def chained(count: int, last: bytes) -> list[bytes]:
    """CNAMEs from the name asked for on, and an address of the last target."""
    targets = [name(f"c{n}.test") for n in range(count)]
    return [
        *(record(owner, CNAME, target) for owner, target in itertools.pairwise([ASKED, *targets])),
        record(targets[-1], A, last),
    ]


TAKEN = {
    "an address": response([AN_A]),
    "with an OPT": response([AN_A], [], [AN_OPT]),
    "with an OPT that has DO": response([AN_A], [], [opt(extended=0x8000)]),
    "authoritative, authenticated": response([AN_A], flags=0x8420),
    "the owner in full, in other letters": response([record(name("WwW.Example.COM"), A, ONE)]),
    "the owner by a pointer in its middle": response([record(b"\3www" + pointer(16), A, ONE)]),
    "the same address twice": response([AN_A, AN_A]),
    "addresses of two TTLs": response([AN_A, record(ASKED, A, TWO, ttl=7)]),
    "the highest TTL": response([record(ASKED, A, ONE, ttl=2**31 - 1)]),
    "an alias": response([ALIAS, record(pointer(RDATA), A, ONE)]),
    "an alias in other letters": response([ALIAS, record(name("B.Test"), A, ONE)]),
    "an alias below itself": response(
        [record(ASKED, CNAME, b"\1a" + ASKED), record(pointer(RDATA), A, ONE)]
    ),
    "an alias in three parts": response(
        [
            record(ASKED, CNAME, b"\1b" + pointer(16)),
            record(pointer(RDATA), CNAME, b"\1a" + pointer(RDATA)),
            record(pointer(RDATA + 16), A, ONE),
        ]
    ),
    "the longest label": response([record(ASKED, CNAME, name("a" * 63))]),
    "the longest chain": response(chained(MAX_CHAIN, ONE)),
    "the longest name": response([record(ASKED, CNAME, name(".".join(["a" * 61] * 4 + ["aaaaa"])))]),
    "NODATA": response([], [A_SOA]),
    "NODATA of an alias": response([ALIAS], [record(pointer(RDATA + 2), SOA, soa_rdata())]),
    "NXDOMAIN": response([], [A_SOA], [AN_OPT], rcode=3),
    "NXDOMAIN, says the root": response([], [record(b"\0", SOA, soa_rdata())], rcode=3),
    "a SOA of the very name": denial(ASKED),
    "a SOA of odd names": denial(pointer(16), soa_rdata(mname=name("\0 \xff"), rname=b"\3a.b" + ASKED)),
    "a SOA whose MINIMUM has its top bit set": denial(pointer(16), soa_rdata(minimum=2**32 - 1)),
    "a chain cut short": response([ALIAS]),
}

LEFT = {
    "truncated": response([AN_A], flags=0x8380),
    "SERVFAIL": response(rcode=2),
    "an octet too many": response([AN_A]) + b"\0",
    "a record too many": response([AN_A]) + AN_A,
    "a record too few": response([AN_A, AN_A]).removesuffix(AN_A),
    "nothing": response(),
    "an address of another name": response([record(name("www.example.net"), A, ONE)]),
    "an address of a name above": response([record(pointer(16), A, ONE)]),
    "an AAAA in reply to A": response([record(ASKED, AAAA, bytes(16))]),
    "an A of five octets": response([record(ASKED, A, b"\1\2\3\4\5")]),
    "an A of none": response([record(ASKED, A, b"")]),
    "another class": response([record(ASKED, A, ONE, rrclass=CHAOS)]),
    "a TTL with its top bit set": response([record(ASKED, A, ONE, ttl=2**31)]),
    "a record of another type": response([AN_A, record(ASKED, RRSIG, bytes(30))]),
    "an alias after the address": response([AN_A, ALIAS]),
    "a chain out of order": response([record(name("b.test"), A, ONE), ALIAS]),
    "two aliases of one name": response([ALIAS, record(ASKED, CNAME, name("c.test"))]),
    "an alias of another name": response([record(name("c.test"), CNAME, name("b.test"))]),
    "an alias of itself": response([record(ASKED, CNAME, ASKED)]),
    "an alias of itself, in other letters": response([record(ASKED, CNAME, name("WWW.example.com"))]),
    "a loop": response([ALIAS, record(pointer(RDATA), CNAME, ASKED)]),
    "too long a chain": response(chained(MAX_CHAIN + 1, ONE)),
    "an alias of the root": response([record(ASKED, CNAME, b"\0")]),
    "an alias of too long a name": response(
        [record(ASKED, CNAME, name(".".join(["a" * 61] * 4 + ["aaaaaa"])))]
    ),
    "an alias with octets after it": response([record(ASKED, CNAME, name("b.test") + b"\0")]),
    "an alias that overruns its rdata": response([record(ASKED, CNAME, b"\1b"), AN_A]),
    "an alias with a space": response([record(ASKED, CNAME, name("b c.test"))]),
    "an alias with a dot in a label": response([record(ASKED, CNAME, b"\3b.c\0")]),
    "an alias with an asterisk": response([record(ASKED, CNAME, name("*.test"))]),
    "an alias beyond ASCII": response([record(ASKED, CNAME, name("\xfc.test"))]),
    "NXDOMAIN with an address": response([AN_A], rcode=3),
    "NXDOMAIN without a SOA": response(rcode=3),
    "NXDOMAIN of an alias, without a SOA": response([ALIAS], rcode=3),
    "an address, and a SOA": response([AN_A], [A_SOA]),
    "an address, and a NS": response([AN_A], [record(pointer(16), NS, ASKED)]),
    "a referral": response([], [record(pointer(16), NS, ASKED)]),
    "two SOAs": response([], [A_SOA, A_SOA]),
    "a SOA of another zone": denial(name("example.net")),
    "a SOA of a zone below": denial(b"\1a" + ASKED),
    "a SOA whose zone only ends alike": denial(b"\6xample" + pointer(24)),
    "a SOA of the alias's zone": response([ALIAS], [A_SOA]),
    "a SOA of another class": denial(pointer(16), rrclass=CHAOS),
    "a SOA whose TTL has its top bit set": denial(pointer(16), ttl=2**31),
    "a SOA with an octet too many": denial(pointer(16), soa_rdata() + b"\0"),
    "a SOA with an octet too few": denial(pointer(16), soa_rdata()[:-1]),
    "a SOA of too long a mname": denial(pointer(16), soa_rdata(mname=name(".".join(["a" * 63] * 4)))),
    "something like a SOA": response([], [record(pointer(16), TXT, soa_rdata())]),
    "two additional records": response([AN_A], [], [AN_OPT, AN_OPT]),
    "an additional address": response([AN_A], [], [record(pointer(16), A, ONE)]),
    "an OPT that is not the root's": response([AN_A], [], [opt(owner=ASKED)]),
    "an OPT of another version": response([AN_A], [], [opt(extended=0x10000)]),
    "an OPT that extends the RCODE": response([AN_A], [], [opt(extended=0x1000000)]),
    "an OPT with an option": response([AN_A], [], [opt(rdata=b"\0\x0f\0\2\0\6")]),
    "an OPT as the answer": response([AN_OPT]),
    "an OPT as the authority": response([], [AN_OPT]),
    "a pointer forwards": denial(pointer(RDATA), soa_rdata(mname=name("example.com"))),
    "a pointer to itself": response([record(pointer(BODY), A, ONE)]),
    "a pointer into the header": denial(pointer(4)),
    "a pointer beyond the end": response([record(pointer(0x3FFF), A, ONE)]),
    "a pointer to a pointer": response([AN_A, record(pointer(BODY), A, TWO)]),
    "a pointer to labels that run into it": response([record(b"\1a" + pointer(BODY), A, ONE)]),
    "a pointer to labels that run over it": denial(ASKED, OVERRUN + bytes(17)),
    "a pointer to labels that run over it, to a pointer": denial(ASKED, OVERRUN + ASKED + bytes(15)),
    "half a pointer": response([AN_A, b"\xc0"]),
    "a label of a type unknown": response([record(b"\x41" + bytes(65), A, ONE)]),
    "a label cut off": response([b"\3ww"]),
}


@pytest.mark.parametrize("case", TAKEN)
def test_it_takes(case: str) -> None:
    reply = parse_lean(TAKEN[case], QUESTION)
    assert reply is not None
    assert reply == parse_full(TAKEN[case])


@pytest.mark.parametrize("case", LEFT)
def test_it_leaves_to_dnspython(case: str) -> None:
    assert parse_lean(LEFT[case], QUESTION) is None


@pytest.mark.parametrize("case", TAKEN)
def test_cut_off_anywhere_it_is_left(case: str) -> None:
    for length in range(BODY, len(TAKEN[case])):
        assert parse_lean(TAKEN[case][:length], QUESTION) is None


def test_an_address_of_ipv6() -> None:
    question = encode_question(WWW, RRType.AAAA)
    octets = parse_address("2001:db8::1")
    message = response([record(ASKED, AAAA, octets)], question=question)
    assert parse_lean(message, question) == Reply(ReplyKind.ADDRESSES, "NOERROR", (octets,), (), 60)


# Real servers' messages, as they are and damaged.


@pytest.mark.parametrize("case", captured(), ids=lambda case: f"{case.server} {case.asked}")
def test_of_real_servers_it_takes_what_is_common(case: Captured) -> None:
    reply = parse_lean(case.seed.message, case.seed.question)
    assert (reply is not None) == case.lean
    assert reply in (None, parse_full(case.seed.message))


def test_mutants_never_make_it_differ_from_dnspython() -> None:
    """(pytest-randomly seeds `random`; `make fuzz` takes a million.)"""
    with Knot(ZONES) as knot:
        seeds = [*from_knot(knot), *(each.seed for each in captured()), *built()]
    account = Account()
    account.take(seeds)
    assert account.lean > len(seeds) / 2
    account.take(mutants(seeds, MUTANTS, random.Random(random.getrandbits(64))))
    assert account.wrong == []
    assert account.lean > MUTANTS / 20
