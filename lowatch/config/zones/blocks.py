"""A zone file in parts of whole lines, within its limits."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import BinaryIO

from lowatch.core.limits.limit import Limit
from lowatch.core.limits.zones import ZONE_FILE_BYTES, ZONE_RECORD_BYTES

from .owner_names import ZoneFileError

BLOCK = 64 << 10
"""Bytes taken apart at a time, in which time no other thread runs: 1 ms."""


def blocks(stream: BinaryIO) -> Iterator[bytes]:
    """The file in parts that end with a line. Raises ZoneFileError if it does not end with one."""
    rest, size = b"", 0
    while piece := stream.read(BLOCK):
        size += len(piece)
        if size > ZONE_FILE_BYTES.value:
            raise ZoneFileError(more_than(ZONE_FILE_BYTES, "bytes"))
        end = piece.rfind(b"\n") + 1
        if end:
            yield rest + piece[:end]
            rest = piece[end:]
        else:
            rest += piece
        if len(rest) > ZONE_RECORD_BYTES.value:
            raise ZoneFileError(more_than(ZONE_RECORD_BYTES, "bytes in one line"))
    if rest:
        raise ZoneFileError("ends within a line: it is cut off")


def mentioning(block: bytes, *words: bytes) -> Iterator[bytes]:
    """The lines that contain one of these words."""
    for word in words:
        at = block.find(word)
        while at >= 0:
            end = block.find(b"\n", at) + 1
            yield block[block.rfind(b"\n", 0, at) + 1 : end]
            at = block.find(word, end)


def check_bound(kept: Collection[bytes], limit: Limit, what: str) -> None:
    if len(kept) > limit.value:
        raise ZoneFileError(more_than(limit, what))


def more_than(limit: Limit, what: str) -> str:
    limit.reached()
    return f"has more than {limit.value:,} {what}"
