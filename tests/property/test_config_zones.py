"""The lean reader of zone files finds what dnspython finds, however they are written."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from typing import NamedTuple

import dns.exception
import dns.name
import dns.rdatatype
import dns.zone
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lowatch.config.zones.destinations import Destinations
from lowatch.config.zones.leading import ZoneNames, leading_names
from lowatch.config.zones.owner_names import ZoneFileError
from lowatch.core.addresses import Address, parse_address, parse_prefix

ORIGIN = "corp.example."
HERE = tuple(map(parse_prefix, ("192.0.2.10/32", "198.51.100.0/28", "2001:db8::10/128", "127.0.0.0/8")))
A = ("192.0.2.10", "192.0.2.11", "198.51.100.7", "198.51.100.77", "127.0.0.1", "0.0.0.0")
AAAA = ("2001:db8::10", "2001:0DB8:0::0010", "2001:db8::11", "::1", "::ffff:192.0.2.10", "::")
LABELS = ("a", "b", "C", "d", "*", "_x._tcp", r"e\.f", r"g\065h", "i-1", "j" * 63)

_ENDS_IN_A_NAME = ("CNAME", "NS", "DNAME", "SRV", "MX")

names = st.lists(st.sampled_from(LABELS), max_size=3).map(".".join)
targets = st.one_of(names, st.sampled_from(["other.example.", "corp.example.", "xcorp.example.", "."]))


class Written(NamedTuple):
    """A record. owner: relative to the zone, "" for its apex. data: of a name, relative or absolute."""

    owner: str
    kind: str
    data: tuple[str, ...]


def _record(owner: st.SearchStrategy[str] = names) -> st.SearchStrategy[Written]:
    return st.one_of(
        st.builds(Written, owner, st.just("A"), st.tuples(st.sampled_from(A))),
        st.builds(Written, owner, st.just("AAAA"), st.tuples(st.sampled_from(AAAA))),
        st.builds(Written, owner, st.sampled_from(["CNAME", "NS", "DNAME"]), st.tuples(targets)),
        st.builds(Written, owner, st.just("SRV"), targets.map(lambda name: ("0", "5", "443", name))),
        st.builds(Written, owner, st.just("TXT"), st.just(('"A 192.0.2.10; ( \\" CNAME a"',))),
        st.builds(Written, owner, st.just("MX"), targets.map(lambda name: ("10", name))),
    )


class Style:
    """Ways to write the same records, chosen at random."""

    def __init__(self, seed: int, *, plain: bool) -> None:
        self._random = random.Random(seed)
        self._plain = plain
        self._last = "none"

    def text(self, records: list[Written]) -> str:
        lines = [] if self._plain else ["; a zone", f"$ORIGIN {ORIGIN}", "$TTL 1h"]
        soa = Written("", "SOA", ("ns", "root.b", "7", "3600", "900", "604800", "60"))
        lines += map(self._line, (soa, *records))
        return "\n".join(lines) + "\n"

    def _line(self, record: Written) -> str:
        data = (
            [*map(self._name, record.data[:2]), *record.data[2:]]
            if record.kind == "SOA"
            else [
                *record.data[:-1],
                self._name(record.data[-1]) if record.kind in _ENDS_IN_A_NAME else record.data[-1],
            ]
        )
        if self._plain:
            class_ = self._random.choice(["IN\t", ""])
            owner = self._whole(record.owner)
            return f"{owner}\t{self._random.choice([60, 3600])}\t{class_}{record.kind}\t{' '.join(data)}"
        owner = self._name(record.owner)
        if record.owner == self._last and self._random.random() < 0.5:
            owner = ""
        self._last = record.owner
        middle = self._random.choice(["", "60 ", "1h30m ", "IN ", "in ", "IN 60 ", "60 IN "])
        kind = self._random.choice([record.kind, record.kind.lower()])
        written = self._random.choice([" ".join, self._in_parentheses])(data)
        end = self._random.choice(["", " ", "\t; a comment (", "\r"])
        return f"{owner}{self._random.choice([' ', chr(9)])} {middle}{kind} {written}{end}"

    def _in_parentheses(self, data: list[str]) -> str:
        return "(" + self._random.choice(["\n", " ; A 192.0.2.10\n  ", " "]).join(data) + " )"

    def _name(self, name: str) -> str:
        if self._plain or name.endswith(".") or self._random.random() < 0.3:
            return self._whole(name)
        return name or "@"

    def _whole(self, name: str) -> str:
        return name if name.endswith(".") else f"{name}.{ORIGIN}" if name else ORIGIN


def read(text: str | bytes) -> ZoneNames:
    return leading_names(io.BytesIO(text if isinstance(text, bytes) else text.encode()), Destinations(HERE))


def judged(text: str) -> tuple[set[str], set[str]]:
    """What dnspython's reading makes of a zone: the names that lead here, and the wildcards."""
    zone = dns.zone.from_text(text, ORIGIN, relativize=False, check_origin=False, allow_include=False)
    aliases: dict[dns.name.Name, set[dns.name.Name]] = {}
    found: set[dns.name.Name] = set()
    destinations = Destinations(HERE)
    for owner, _, rdata in zone.iterate_rdatas():
        match rdata.rdtype:
            case dns.rdatatype.A | dns.rdatatype.AAAA:
                if destinations.cover(Address(parse_address(rdata.address))):
                    found.add(owner)
            case dns.rdatatype.CNAME | dns.rdatatype.SRV:
                aliases.setdefault(owner, set()).add(rdata.target)
    while more := {owner for owner, to in aliases.items() if to & found} - found:
        found |= more
    wild = {owner for owner in found if owner.is_wild()}
    return set(map(_shown, found - wild)), set(map(_shown, wild))


def _shown(name: dns.name.Name) -> str:
    return name.canonicalize().to_text(omit_final_dot=True).replace("\\@", "@").replace("\\$", "$")


@settings(deadline=None, max_examples=300)
@given(st.lists(_record(), max_size=12), st.integers(0, 1 << 32), st.booleans())
@example([Written("a", "CNAME", ("b",)), Written("b", "CNAME", ("d",)), Written("d", "A", A[:1])], 0, True)
@example([Written("*.a", "A", A[:1]), Written("b", "CNAME", ("*.a",))], 0, True)
def test_it_finds_what_dnspython_finds(records: list[Written], seed: int, plain: bool) -> None:
    text = Style(seed, plain=plain).text(records)
    try:
        names, wildcards = judged(text)
    except (dns.exception.DNSException, ValueError):
        return  # CNAME and other data, perhaps
    found = read(text)
    assert names <= set(found.names)
    assert set(found.names) - names <= found.asked
    assert wildcards <= set(found.wildcards)
    assert found.soa == ("corp.example", 7, 3600, 900, 604800)


def _read_or_refused(text: bytes) -> ZoneNames | str:
    """What is in it, or the line that says why it is refused."""
    try:
        return read(text)
    except ZoneFileError as error:
        return str(error)


def _mutants(text: bytes, chance: random.Random) -> Iterator[bytes]:
    for _ in range(20):
        mutant = bytearray(text)
        for _ in range(chance.choice((1, 1, 2, 4))):
            at = chance.randrange(len(mutant) + 1)
            match chance.randrange(4):
                case 0:
                    mutant[at : at + 1] = bytes((chance.choice(b'();"\\$@ \t\n.0A\xff\0'),))
                case 1:
                    del mutant[at : at + chance.choice((1, 3, 30))]
                case 2:
                    mutant[at:at] = mutant[at : at + chance.choice((1, 10, 50))]
                case _:
                    mutant[at:at] = bytes((chance.choice(b'();"\\$@ \t\n.0A'),))
        yield bytes(mutant)


@settings(deadline=None, max_examples=60)
@given(st.lists(_record(), min_size=1, max_size=8), st.integers(0, 1 << 32), st.booleans())
def test_a_damaged_file_is_refused_in_a_line_or_nothing_is_missed(
    records: list[Written], seed: int, plain: bool
) -> None:
    text = Style(seed, plain=plain).text(records).encode()
    for mutant in _mutants(text, random.Random(seed)):
        found = _read_or_refused(mutant)
        if isinstance(found, str):
            assert found.isprintable()
            continue
        try:
            names, _ = judged(mutant.decode("ascii"))
        except (dns.exception.DNSException, ValueError, AttributeError, IndexError):
            continue
        in_zone = {name for name in names if f".{name}".endswith(f".{found.soa.name}")}
        assert in_zone <= set(found.names)
