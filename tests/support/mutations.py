"""Octets that the kernel never sends, made of those it does."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from struct import pack_into

# Lengths and types at their edges; the lengths of a header, of addresses, of attributes.
_EDGES = (0, 1, 3, 4, 5, 7, 8, 9, 12, 16, 17, 20, 0x7F, 0x80, 0xFF)


def mutants(seeds: Sequence[bytes], count: int) -> Iterator[bytes]:
    """`count` of them, each a seed changed in one to four places. (pytest-randomly seeds `random`.)"""
    for _ in range(count):
        message = bytearray(random.choice(seeds))
        for _ in range(random.choice((1, 1, 1, 2, 2, 4))):
            random.choice(_CHANGES)(message, seeds)
        yield bytes(message)


def _octet(message: bytearray, _: Sequence[bytes]) -> None:
    if message:
        message[random.randrange(len(message))] = random.choice((*_EDGES, random.randrange(256)))


def _length(message: bytearray, _: Sequence[bytes]) -> None:
    """Where an attribute's header may stand."""
    if len(message) >= 4:
        place = random.randrange(len(message) // 4) * 4
        pack_into("=H", message, place, random.choice((*_EDGES, len(message) - place, 0xFFFF)))


def _kind(message: bytearray, _: Sequence[bytes]) -> None:
    if len(message) >= 4:
        pack_into("=H", message, random.randrange(len(message) // 4) * 4 + 2, random.randrange(0x20))


def _cut_short(message: bytearray, _: Sequence[bytes]) -> None:
    del message[random.randrange(len(message) + 1) :]


def _cut_out(message: bytearray, _: Sequence[bytes]) -> None:
    first = random.randrange(len(message) + 1)
    del message[first : first + random.choice((1, 2, 4, 8, 12))]


def _repeat(message: bytearray, _: Sequence[bytes]) -> None:
    first = random.randrange(len(message) // 4 + 1) * 4
    message[first:first] = message[first : first + random.choice((4, 8, 12, 20))]


def _splice(message: bytearray, seeds: Sequence[bytes]) -> None:
    other = random.choice(seeds)
    place = random.randrange(min(len(message), len(other)) + 1) & ~3
    message[place:] = other[place:]


_CHANGES: tuple[Callable[[bytearray, Sequence[bytes]], None], ...] = (
    _octet,
    _octet,
    _length,
    _kind,
    _cut_short,
    _cut_out,
    _repeat,
    _splice,
)
