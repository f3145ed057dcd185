"""lowatch.wire.dns_full: dnspython kept from what would hold it for a minute."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.core.addresses import parse_address
from lowatch.wire.dns import ReplyKind
from lowatch.wire.dns_full import _longest_chain_of_pointers, parse_full
from tests.support.dns_messages import ASKED, CNAME, PRIVATE, TXT, A, name, pointer, record, response

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
    assert (reply.kind, reply.rcode) == (ReplyKind.FAILURE, "MALFORMED")
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


def by_following_each(message: bytes) -> int:
    """What _longest_chain_of_pointers is about, without a thought to what it costs."""

    def length(at: int, below: int) -> int:
        target = int.from_bytes(message[at : at + 2], "big") - 0xC000
        if at + 2 > len(message) or target < 0 or target >= below:
            return 0
        end = target
        while end < len(message) and 0 < message[end] < 0x40:
            end += 1 + message[end]
        return 1 + length(end, target)

    return max((length(at, 0x4000) for at in range(len(message))), default=0)


LABELS_AND_POINTERS = st.one_of(
    st.binary(max_size=3),
    st.integers(0, 5).map(lambda size: bytes((size,)) + b"a" * size),
    st.integers(0, 80).map(pointer),
)


@given(st.lists(LABELS_AND_POINTERS, max_size=40).map(b"".join))
def test_the_longest_chain_is_the_one_that_following_each_would_find(message: bytes) -> None:
    assert _longest_chain_of_pointers(message) == by_following_each(message)


def test_what_takes_longest_to_look_at_takes_no_longer_than_another() -> None:
    """A pointer to every octet of one long run of labels, for one: each was followed to its end."""
    every = b"".join(map(pointer, range(0x4000)))
    messages = [b"\1" * 0x3FFF + every, every * 2, b"\xc0" * 0xFFFF]
    before = time.process_time()
    for message in messages:
        _longest_chain_of_pointers(message)
    assert time.process_time() - before < 1.0  # 0.05 where nothing else runs; it was 0.7 to 40
