"""Responses that no server sent, made of some that one did."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

from .seeds import Seed

_HEADER = 12
# Label lengths, types, counts and compression pointers at their edges.
_EDGES = (0, 1, 2, 3, 4, 5, 6, 10, 11, 12, 16, 20, 28, 41, 63, 64, 0x7F, 0x80, 0xBF, 0xC0, 0xC1, 0xFF)

Change = Callable[[bytearray, int, Sequence[Seed], random.Random], None]
"""change(message, body, seeds, rng): `body` is where the message goes on after its question."""


def mutants(seeds: Sequence[Seed], count: int, rng: random.Random) -> Iterator[Seed]:
    """`count` of them, each a seed changed in one to four places; most still repeat their question."""
    for _ in range(count):
        question, original = rng.choice(seeds)
        message = bytearray(original)
        for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
            rng.choice(_CHANGES)(message, _HEADER + len(question), seeds, rng)
        yield Seed(question, bytes(message))


def _place(message: bytearray, body: int, rng: random.Random) -> int:
    return rng.randrange(min(body, len(message)), len(message) + 1)


def _octet(message: bytearray, body: int, _: Sequence[Seed], rng: random.Random) -> None:
    place = _place(message, body, rng)
    if place < len(message):
        message[place] = rng.choice((*_EDGES, rng.randrange(256)))


def _bit(message: bytearray, body: int, _: Sequence[Seed], rng: random.Random) -> None:
    """The case of a letter, the top bit of a TTL, a class, a type."""
    place = _place(message, body, rng)
    if place < len(message):
        message[place] ^= 1 << rng.randrange(8)


def _anywhere(message: bytearray, _: int, seeds: Sequence[Seed], rng: random.Random) -> None:
    """Header and question too."""
    _octet(message, 0, seeds, rng)


def _header(message: bytearray, _: int, __: Sequence[Seed], rng: random.Random) -> None:
    """Flags, RCODE and counts; seldom those that make it another's reply."""
    place = rng.choice((2, 3, 3, 6, 7, 7, 8, 9, 9, 10, 11, 11))
    if place < len(message):
        message[place] ^= rng.choice((1, 1, 2, 3, 4, 8, 16, 32, 64, 128))


def _count(message: bytearray, _: int, __: Sequence[Seed], rng: random.Random) -> None:
    """A record more in one section, and one less in another."""
    for place, step in ((rng.choice((7, 9, 11)), 1), (rng.choice((7, 9, 11)), -1)):
        if place < len(message):
            message[place] = (message[place] + step) % 256


def _pointer(message: bytearray, body: int, _: Sequence[Seed], rng: random.Random) -> None:
    place = _place(message, body, rng)
    target = rng.choice(
        (_HEADER, _HEADER + 4, place, place - 2, place + 2, rng.randrange(len(message) + 1))
    )
    message[place : place + 2] = (0xC000 | max(0, target) & 0x3FFF).to_bytes(2, "big")


def _cut_short(message: bytearray, body: int, _: Sequence[Seed], rng: random.Random) -> None:
    del message[_place(message, body, rng) :]


def _cut_out(message: bytearray, body: int, _: Sequence[Seed], rng: random.Random) -> None:
    first = _place(message, body, rng)
    del message[first : first + rng.choice((1, 1, 2, 4, 10, 12, 16, 28))]


def _insert(message: bytearray, body: int, _: Sequence[Seed], rng: random.Random) -> None:
    first = _place(message, body, rng)
    message[first:first] = rng.randbytes(rng.choice((1, 2, 4, 12)))


def _repeat(message: bytearray, body: int, _: Sequence[Seed], rng: random.Random) -> None:
    """An A record behind a pointer has 16 octets, an AAAA record 28, an OPT 11."""
    first = _place(message, body, rng)
    message[first:first] = message[first : first + rng.choice((1, 2, 4, 11, 12, 16, 28, 40))]


def _repeat_first(message: bytearray, body: int, seeds: Sequence[Seed], rng: random.Random) -> None:
    """The first record once more, and counted: most often a well-formed message."""
    length = rng.choice((16, 16, 28, 14))
    message[body:body] = message[body : body + length]
    if len(message) > body:
        message[7] = (message[7] + 1) % 256
    if rng.random() < 0.5 and len(message) > body + length:
        message[body + length - 1] ^= rng.randrange(256)


def _splice(message: bytearray, body: int, seeds: Sequence[Seed], rng: random.Random) -> None:
    other = rng.choice(seeds).message
    place = _place(message, body, rng)
    message[place:] = other[place:]


_CHANGES: tuple[Change, ...] = (
    _octet, _octet, _octet, _bit, _bit, _anywhere, _header, _header, _count, _pointer, _pointer,
    _cut_short, _cut_out, _insert, _repeat, _repeat_first, _splice,
)  # fmt: skip
