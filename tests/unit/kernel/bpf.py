"""A classic BPF machine, of the few instructions that our filters use (linux/filter.h)."""

from __future__ import annotations

from collections.abc import Callable
from random import getrandbits
from struct import iter_unpack, unpack_from

LOAD_BYTE, LOAD_HALF, LOAD_WORD, JUMP_EQUAL, RETURN = 0x30, 0x28, 0x20, 0x15, 0x06
LOAD_CONSTANT, LOAD_X_CONSTANT, LOAD_WORD_AT_X, MOVE_TO_X = 0x00, 0x01, 0x40, 0x07
JUMP_ANY_BIT, JUMP_ALWAYS = 0x45, 0x05
FIND_ATTRIBUTE, RANDOM = 0xFFFFF000 + 12, 0xFFFFF000 + 56
_JUMPS: dict[int, Callable[[int, int], bool]] = {
    JUMP_EQUAL: lambda value, operand: value == operand,
    JUMP_ANY_BIT: lambda value, operand: bool(value & operand),
}
_WIDTHS = {LOAD_BYTE: 1, LOAD_HALF: 2, LOAD_WORD: 4, LOAD_WORD_AT_X: 4}


def passes(program: bytes, datagram: bytes) -> bool:
    """Whether the datagram gets through."""
    return kept(program, datagram) > 0


def kept(program: bytes, datagram: bytes, random: Callable[[], int] = lambda: getrandbits(32)) -> int:
    """How many octets the program lets through. A load beyond the end drops all, as in the kernel."""
    steps = list(iter_unpack("=HBBI", program))
    accumulator = index = place = 0
    while True:
        code, equal, otherwise, operand = steps[place]
        place += 1
        if code == RETURN:
            return int(operand)
        if code in _JUMPS:
            place += equal if _JUMPS[code](accumulator, operand) else otherwise
        elif code == JUMP_ALWAYS:
            place += operand
        elif code == LOAD_X_CONSTANT:
            index = operand
        elif code == MOVE_TO_X:
            index = accumulator
        else:
            loaded = _loaded(datagram, code, operand, accumulator, index, random)
            if loaded is None:
                return 0
            accumulator = loaded


def _loaded(
    datagram: bytes, code: int, operand: int, accumulator: int, index: int, random: Callable[[], int]
) -> int | None:
    """None beyond the end."""
    if code == LOAD_CONSTANT:
        return operand
    if (code, operand) == (LOAD_WORD, RANDOM):
        return random()
    if (code, operand) == (LOAD_WORD, FIND_ATTRIBUTE):
        return _find_attribute(datagram, accumulator, index)
    first = operand + (index if code == LOAD_WORD_AT_X else 0)
    if first + _WIDTHS[code] > len(datagram):
        return None
    return int.from_bytes(datagram[first : first + _WIDTHS[code]], "big")


def _find_attribute(datagram: bytes, offset: int, wanted: int) -> int:
    """bpf_skb_get_nlattr(): where it is; 0 if it is not there."""
    while offset + 4 <= len(datagram):
        length, kind = unpack_from("=HH", datagram, offset)
        if not 4 <= length <= len(datagram) - offset:
            return 0
        if kind & 0x3FFF == wanted:
            return offset
        offset += (length + 3) & ~3
    return 0
