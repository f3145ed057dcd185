"""lowatch.wire.dns_lean against dnspython, over messages that are made up record by record."""

from __future__ import annotations

import struct
from typing import NamedTuple

from hypothesis import example, given, settings
from hypothesis import strategies as st

from lowatch.wire.dns import ReplyKind
from lowatch.wire.dns_full import parse_full
from lowatch.wire.dns_lean import parse_lean
from tests.support.dns_messages import AAAA, BODY, CNAME, NS, QUESTION, RRSIG, SOA, WWW, A, opt, response

# Few, so that they meet; of one another's suffixes, so that they compress.
NAMES = (
    WWW,
    "example.com",
    "com",
    "",
    "a.test",
    "b.a.test",
    "c.example.com",
    "ample.com",
    "o dd.test",
    "*.test",
)
TTLS = (0, 1, 60, 2**31 - 1, 2**31, 2**32 - 1)


class Name(NamedTuple):
    """upper: written in capitals. written: so many labels in full, then a pointer where it can be one."""

    text: str
    upper: bool = False
    written: int = 0


class Record(NamedTuple):
    """target: what the rdata begins with, where it is a name. octets: the rest of it."""

    owner: Name
    rrtype: int
    ttl: int
    target: tuple[Name, ...]
    octets: bytes
    rrclass: int = 1


class Writer:
    """Writes names as servers do: by pointers to what was written before."""

    def __init__(self) -> None:
        self._octets = bytearray(BODY)
        self._places: dict[str, int] = {}
        self._remember(WWW, 12)

    def write(self, record: Record) -> bytes:
        start = len(self._octets)
        self._name(record.owner)
        self._octets += struct.pack("!HHIH", record.rrtype, record.rrclass, record.ttl, 0)
        rdata = len(self._octets)
        for name in record.target:
            self._name(name)
        self._octets += record.octets
        struct.pack_into("!H", self._octets, rdata - 2, len(self._octets) - rdata)
        return bytes(self._octets[start:])

    def _name(self, name: Name) -> None:
        text = name.text.upper() if name.upper else name.text
        labels = text.split(".") if text else []
        for number, label in enumerate(labels):
            rest = ".".join(labels[number:])
            if number >= name.written and rest in self._places:
                self._octets += (0xC000 | self._places[rest]).to_bytes(2, "big")
                return
            self._places.setdefault(rest, len(self._octets))
            self._octets += bytes((len(label),)) + label.encode()
        self._octets.append(0)

    def _remember(self, text: str, place: int) -> None:
        while text:
            self._places.setdefault(text, place)
            label, _, text = text.partition(".")
            place += 1 + len(label)


def written(
    answer: list[Record], authority: list[Record], additional: list[bytes], rcode: int = 0
) -> bytes:
    writer = Writer()
    sections = [[writer.write(record) for record in section] for section in (answer, authority)]
    return response(*sections, additional, rcode=rcode)


# What any server might say, in any order.

names = st.builds(Name, st.sampled_from(NAMES), st.booleans(), st.integers(0, 3))
ttls = st.sampled_from(TTLS)
soa_numbers = st.builds(lambda minimum: struct.pack("!IIIII", 1, 2, 3, 4, minimum), ttls)


def records(rrtype: int, targets: int, octets: st.SearchStrategy[bytes]) -> st.SearchStrategy[Record]:
    classes = st.sampled_from((1, 1, 1, 1, 1, 1, 1, 3))
    return st.builds(Record, names, st.just(rrtype), ttls, st.tuples(*[names] * targets), octets, classes)


addresses = records(A, 0, st.binary(min_size=4, max_size=4))
soas = records(SOA, 2, soa_numbers)
anything = st.one_of(
    addresses,
    records(AAAA, 0, st.binary(min_size=16, max_size=16)),
    records(CNAME, 1, st.just(b"")),
    records(NS, 1, st.just(b"")),
    soas,
    records(RRSIG, 0, st.binary(max_size=30)),
    records(A, 0, st.binary(max_size=6)),
)
opts = st.builds(
    opt,
    owner=st.sampled_from((b"\0", b"\0", b"\0", b"\xc0\x0c")),
    extended=st.sampled_from((0, 0, 0x8000, 0x10000, 0x1000000)),
    rdata=st.sampled_from((b"", b"", b"\0\x0f\0\2\0\6", b"\0\x0f\0\3\0\6")),
)


@settings(max_examples=1500, deadline=None)
@given(
    st.lists(anything, max_size=5),
    st.lists(anything, max_size=2),
    st.lists(opts, max_size=2),
    st.sampled_from((0, 0, 3, 2)),
)
def test_whatever_it_takes_it_reads_as_dnspython_does(
    answer: list[Record], authority: list[Record], additional: list[bytes], rcode: int
) -> None:
    message = written(answer, authority, additional, rcode)
    assert parse_lean(message, QUESTION) in (None, parse_full(message))


# What they do say, nearly always: it has to be taken.

plain = st.builds(Name, st.sampled_from(["a.test", "b.a.test", "c.example.com", "x.com"]), st.booleans())
chains = st.lists(plain, max_size=4, unique_by=lambda name: name.text)
sane_ttls = st.integers(0, 2**31 - 1)


def chained(chain: list[Name], ttl: int) -> list[Record]:
    owners = [Name(WWW), *chain]
    return [Record(owner, CNAME, ttl, (target,), b"") for owner, target in zip(owners, chain, strict=False)]


def common(chain: list[Name], ttl: int, hosts: list[bytes], end: str, *, edns: bool) -> bytes:
    """A response with addresses; or, without, with a SOA of the last name's parent, or cut short."""
    last = [Name(WWW), *chain][-1]
    parent = last.text.partition(".")[2]
    answer = chained(chain, ttl) + [Record(last, A, ttl // 2, (), host) for host in hosts]
    denial = Record(
        Name(parent), SOA, ttl, (Name("a.test"), Name("example.com")), struct.pack("!5I", 1, 2, 3, 4, 5)
    )
    cut_short = bool(chain) and end == "cut short"
    authority = [] if hosts or cut_short else [denial]
    rcode = 3 if end == "nxdomain" and authority else 0
    return written(answer, authority, [opt()] if edns else [], rcode)


responses = st.builds(
    common,
    chains,
    sane_ttls,
    st.lists(st.binary(min_size=4, max_size=4), max_size=5),
    st.sampled_from(("nodata", "nxdomain", "cut short")),
    edns=st.booleans(),
)


@settings(max_examples=500, deadline=None)
@given(responses)
@example(common([], 60, [b"\1\2\3\4"], "", edns=True))
def test_what_servers_usually_say_it_takes(message: bytes) -> None:
    reply = parse_lean(message, QUESTION)
    assert reply is not None
    assert reply.kind is not ReplyKind.FAILURE
    assert reply == parse_full(message)
