"""ReplyReader: what is kept of one reply never changes what another one means, and does not pile up."""

from __future__ import annotations

import random

import pytest

from lowatch.wire.netlink import HEADER, MalformedMessageError, attribute, walk_attributes
from lowatch.wire.reply_reader import ReplyReader

KIND, FIXED = 24, 8
ADDRESS, OTHER = 1, 2
Meaning = tuple[bytes, dict[int, bytes]]


class Decoder:
    """Reads the fixed header but for its second half, and the attributes that are not cut out."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, data: bytes, start: int, end: int) -> Meaning:
        self.times += 1
        found = walk_attributes(data, start + FIXED, end)
        return data[start : start + 4], {k: data[a:b] for k, (a, b) in found.items() if k != ADDRESS}


def reader(decode: Decoder) -> ReplyReader[Meaning]:
    return ReplyReader(KIND, FIXED, ((HEADER.size + 4, "4s"),), (ADDRESS,), decode)


def reply(
    sequence: int, address: bytes | None, other: bytes = b"same", varies: bytes = b"vary", kind: int = KIND
) -> bytes:
    body = b"head" + varies + attribute(OTHER, other)
    body += attribute(ADDRESS, address) if address is not None else b""
    return HEADER.pack(HEADER.size + len(body), kind, 0, sequence, 0) + body


def test_what_differs_only_in_the_cuts_is_read_once() -> None:
    decode = Decoder()
    read = reader(decode).read
    for number in range(50):
        address, varies = number.to_bytes(4, "big"), number.to_bytes(4, "little")
        expected = ((b"head", {OTHER: b"same"}), (number, varies, address))
        assert read(reply(number, address, varies=varies)) == expected
    assert decode.times == 1


def test_everything_else_is_told_apart() -> None:
    decode = Decoder()
    read = reader(decode).read
    for other, address in ((b"same", b"1234"), (b"else", b"1234"), (b"same", None), (b"same", b"12345678")):
        found = read(reply(1, address, other))
        assert found is not None
        assert found[0] == (b"head", {OTHER: other})
        assert found[1][2:] == (() if address is None else (address,))
    assert decode.times == 4


def test_what_is_not_one_message_of_that_kind() -> None:
    read = reader(Decoder()).read
    assert read(reply(1, b"1234", kind=2)) is None
    assert read(reply(1, b"1234") + bytes(4)) is None
    assert read(HEADER.pack(HEADER.size + 4, KIND, 0, 1, 0) + b"head") is None
    for broken in (b"", bytes(8), reply(1, b"1234")[:-2]):
        with pytest.raises(MalformedMessageError):
            read(broken)


def test_mutated_replies_mean_what_the_decoder_says() -> None:
    chance = random.Random(7)
    kept = reader(Decoder())
    for number in range(4_000):
        data = bytearray(reply(number, bytes(4), other=bytes(chance.randrange(9))))
        for _ in range(chance.randrange(3)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        assert _outcome(kept, bytes(data)) == _outcome(reader(Decoder()), bytes(data))


def _outcome(one: ReplyReader[Meaning], data: bytes) -> object:
    try:
        return one.read(data)
    except MalformedMessageError:
        return "malformed"


def test_what_is_kept_does_not_pile_up() -> None:
    decode = Decoder()
    kept = reader(decode)
    for number in range(2_000):
        kept.read(reply(1, b"1234", other=number.to_bytes(4, "big")))
    assert decode.times == 2_000
    kept.read(reply(1, b"1234", other=bytes(4)))
    assert decode.times == 2_001, "the first ones are forgotten"


def numbered(count: int, **changes: bytes) -> list[bytes]:
    return [reply(number, number.to_bytes(4, "big"), **changes) for number in range(count)]


def test_replies_that_are_alike_are_read_at_once() -> None:
    decode = Decoder()
    kept = reader(decode)
    one_by_one = [kept.read(one) for one in numbered(40)]
    found = kept.read_alike(numbered(40))
    assert found is not None
    assert [(found[0], cut) for cut in found[1]] == one_by_one
    assert decode.times == 1


@pytest.mark.parametrize(
    "replies",
    [
        [],
        numbered(40)[::-1],
        numbered(40)[1:],
        [*numbered(40)[:39], reply(39, b"1234", other=b"else")],
        [*numbered(40)[:39], reply(39, b"12345678")],
        [*numbered(40)[:39], reply(39, b"1234", kind=2)],
        [*numbered(40)[:39], b""],
        numbered(40, other=b"none was read before"),
    ],
    ids=["none", "out of order", "from 1", "another", "longer", "another kind", "empty", "unknown"],
)
def test_replies_that_are_not_alike(replies: list[bytes]) -> None:
    kept = reader(Decoder())
    assert kept.read(numbered(1)[0]) is not None
    assert kept.read_alike(replies) is None


def test_mutated_replies_are_alike_only_if_each_is_read_so() -> None:
    chance = random.Random(8)
    kept = reader(Decoder())
    found = 0
    for _ in range(3_000):
        replies = [bytearray(one) for one in numbered(3)]
        for _ in range(chance.randrange(3)):
            mutated = chance.choice(replies)
            mutated[chance.randrange(len(mutated))] = chance.randrange(256)
        expected = [_outcome(reader(Decoder()), bytes(one)) for one in replies]
        alike = kept.read_alike([bytes(one) for one in replies])
        if alike is not None:
            found += 1
            assert [(alike[0], cut) for cut in alike[1]] == expected
        for one in replies:
            _outcome(kept, bytes(one))
    assert found > 500
