"""A classic BPF machine, of the few instructions that our filters use (linux/filter.h)."""

from __future__ import annotations

from struct import iter_unpack

LOAD_BYTE, LOAD_HALF, LOAD_WORD, JUMP_EQUAL, RETURN = 0x30, 0x28, 0x20, 0x15, 0x06
_WIDTHS = {LOAD_BYTE: 1, LOAD_HALF: 2, LOAD_WORD: 4}


def passes(program: bytes, datagram: bytes) -> bool:
    """Whether the datagram gets through. A load beyond its end drops it, as in the kernel."""
    steps = list(iter_unpack("=HBBI", program))
    accumulator = place = 0
    while True:
        code, equal, otherwise, operand = steps[place]
        place += 1
        if code == RETURN:
            return operand > 0
        if code == JUMP_EQUAL:
            place += equal if accumulator == operand else otherwise
            continue
        width = _WIDTHS[code]
        if operand + width > len(datagram):
            return False
        accumulator = int.from_bytes(datagram[operand : operand + width], "big")
