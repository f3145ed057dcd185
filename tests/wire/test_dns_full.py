"""lowatch.wire.dns_full: dnspython kept from what would hold it for a minute."""

from __future__ import annotations

import time

import pytest

from lowatch.core.addresses import parse_address
from lowatch.wire.dns import Kind
from lowatch.wire.dns_full import parse_full
from tests.wire.dns_messages import ASKED, CNAME, PRIVATE, TXT, A, name, pointer, record, response

ADDRESS = parse_address("192.0.2.10")
START = len(response([record(ASKED, PRIVATE, b"")]))
"""Where the rdata of the first record begins."""


def pointers(count: int, first: int = START) -> bytes:
    """A chain of them: each to the one before it, the first to the name asked for."""
    return ASKED + b"".join(pointer(first + 2 * number) for number in range(count - 1))


def through(chain: bytes) -> bytes:
    """An address of the name that the last pointer of a chain comes to."""
    last = START + len(chain) - 2
    return response([record(ASKED, PRIVATE, chain), record(pointer(last), A, ADDRESS)])


def test_a_chain_of_sixteen_pointers_is_followed() -> None:
    assert parse_full(through(pointers(15))).addresses == (ADDRESS,)


def test_a_chain_of_seventeen_is_malformed() -> None:
    reply = parse_full(through(pointers(16)))
    assert (reply.kind, reply.rcode) == (Kind.FAILURE, "MALFORMED")
    assert reply.reason == "malformed response: a name of more than 16 pointers"


def test_labels_between_pointers_make_it_no_shorter() -> None:
    links = b"".join(b"\1a" + pointer(12 if n == 0 else START + 4 * (n - 1)) for n in range(17))
    message = response([record(ASKED, PRIVATE, links), record(pointer(START + 4 * 16), A, ADDRESS)])
    assert parse_full(message).reason == "malformed response: a name of more than 16 pointers"


def test_pointers_that_are_none_count_for_nothing() -> None:
    """Octets of an address or a text may look like anything."""
    text = bytes(range(256)) + b"\xc0" * 255 + bytes(pointer(0x3FFF)) * 100
    message = response([record(ASKED, TXT, b"\xff" + text[:255]), record(ASKED, A, ADDRESS)])
    assert parse_full(message).addresses == (ADDRESS,)


CHAIN = pointers(0x1E00)  # pointers reach no further than 16 KiB
BOMBS = {
    "owners at the end of a long chain": [
        record(ASKED, PRIVATE, CHAIN),
        *[record(pointer(START + len(CHAIN) - 2), PRIVATE, b"")] * 4000,
    ],
    "aliases at the end of a long chain": [
        record(ASKED, PRIVATE, CHAIN),
        *[record(ASKED, CNAME, pointer(START + len(CHAIN) - 2))] * 3500,
    ],
    "labels without end": [
        record(ASKED, PRIVATE, b"\1a" * 8000),
        *[record(pointer(START), PRIVATE, b"")] * 4000,
    ],
    "pointers into labels without end": [
        record(ASKED, PRIVATE, b"\1a" * 8000),
        *[record(ASKED, PRIVATE, b"".join(pointer(START + 2 * n) for n in range(8000)))] * 3,
    ],
    "long names": [
        record(ASKED, CNAME, name(".".join("a" * 126))),
        *[record(pointer(START), A, ADDRESS)] * 4000,
    ],
}


@pytest.mark.parametrize("case", BOMBS)
def test_64_kib_meant_to_take_long_do_not(case: str) -> None:
    message = response(BOMBS[case])
    assert 50_000 < len(message) < 65_536
    began = time.thread_time()
    parse_full(message)
    assert time.thread_time() - began < 5
