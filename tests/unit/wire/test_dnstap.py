"""dnstap: our decoder, beside a slower one, on messages that were built, cut and damaged."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import pytest

from lowatch.core.addresses import parse_address
from lowatch.wire.dnstap import parse_dnstap
from lowatch.wire.lookup import Lookup, parse_lookup
from tests.support.dns_messages import A, pointer, record, response
from tests.support.dnstap import dnstap
from tests.support.mutations import mutants

MUTANTS = 5_000
VIP, CLIENT, CLIENT6 = map(parse_address, ("192.0.2.10", "127.0.0.1", "2001:db8::1"))
RESPONSE = response([record(pointer(12), A, VIP)])
FOUND = Lookup("www.example.com", (VIP,))
SEEDS = [dnstap(RESPONSE, CLIENT), dnstap(RESPONSE, CLIENT6), dnstap(RESPONSE, None)]


@pytest.mark.parametrize("client", [CLIENT, CLIENT6, None])
def test_a_response_to_a_client(client: object) -> None:
    seed = SEEDS[(CLIENT, CLIENT6, None).index(client)]
    assert parse_dnstap(seed) == FOUND._replace(client=client)


def test_what_a_resolver_asks_for_itself_is_no_lookup() -> None:
    for kind in range(13):
        found = parse_dnstap(dnstap(RESPONSE, CLIENT, kind=kind))
        assert (found is not None) is (kind in (2, 6)), kind


@pytest.mark.parametrize("octets", [b"", b"\x78\x01", b"\x78\x02" + SEEDS[0][:-2], b"\xff" * 20, b"\0\0"])
def test_what_is_none(octets: bytes) -> None:
    assert parse_dnstap(octets) is None


def test_a_message_with_too_many_fields_is_none() -> None:
    """A Dnstap message has five: each further one would hold up the loop for a microsecond."""
    assert parse_dnstap(b"\x50\1" * 50 + SEEDS[0]) is not None
    assert parse_dnstap(b"\x50\1" * 61 + SEEDS[0]) is None


def test_each_message_that_is_cut_off_is_none() -> None:
    for end in range(len(SEEDS[0]) - 2):
        assert parse_dnstap(SEEDS[0][:end]) is None


def test_it_agrees_with_a_decoder_that_reads_octet_by_octet() -> None:
    found = 0
    for mutant in mutants(SEEDS, MUTANTS):
        lookup = parse_dnstap(mutant)
        assert lookup == slowly(mutant)
        found += lookup is not None
    assert found > MUTANTS / 50


def slowly(octets: bytes) -> Lookup | None:
    """As the specification has it: a file, read field by field."""
    try:
        outer = dict(fields(octets))
        if outer.get((15, 0)) != 1 or (14, 2) not in outer:
            return None
        inner = dict(fields(outer[14, 2]))
    except EOFError:
        return None
    if inner.get((1, 0)) not in (2, 6) or (14, 2) not in inner:
        return None
    lookup, client = parse_lookup(inner[14, 2]), inner.get((4, 2))
    if lookup is None or client is None or len(client) not in (4, 16):
        return lookup
    return lookup._replace(client=client)


def fields(octets: bytes) -> Iterator[tuple[tuple[int, int], object]]:
    file = BytesIO(octets)
    while first := file.read(1):
        key = number(file, first)
        if key >> 3 == 0:
            raise EOFError
        match key & 7:
            case 0:
                yield (key >> 3, 0), number(file, exactly(file, 1))
            case 1:
                exactly(file, 8)
            case 2:
                yield (key >> 3, 2), exactly(file, number(file, exactly(file, 1)))
            case 5:
                exactly(file, 4)
            case _:
                raise EOFError


def number(file: BytesIO, octet: bytes) -> int:
    found, times = octet[0] & 127, 1
    while octet[0] & 128:
        if times == 10:
            raise EOFError
        octet = exactly(file, 1)
        found += (octet[0] & 127) * 128**times
        times += 1
    return found


def exactly(file: BytesIO, count: int) -> bytes:
    if count > file.getbuffer().nbytes:
        raise EOFError
    found = file.read(count)
    if len(found) < count:
        raise EOFError
    return found
