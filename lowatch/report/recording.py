"""A recording as JSON, schema 1: `lowatch snapshot`.

Lists and mappings have one row per line, for `grep` and `diff`. The text is ASCII.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from lowatch.core.recording.codec import Codec, ListCodec, MappingCodec
from lowatch.core.recording.record_codec import KnownCodec, RecordCodec, UnionCodec, codec_of
from lowatch.core.recording.recording import SCHEMA, Recording

from .pieces import slices, sort

_ROWS = 20
"""Rows per piece; a row takes 60 us at most."""
_ENCODER = json.JSONEncoder(ensure_ascii=True, allow_nan=False)


def render_recording(recording: Recording) -> bytes:
    """The whole recording."""
    return b"".join(recording_pieces(recording))


def recording_pieces(recording: Recording) -> Iterator[bytes]:
    """render_recording() in pieces (pieces.py)."""
    codec = codec_of(Recording)
    assert isinstance(codec, RecordCodec)
    yield f'{{\n"schema": {SCHEMA}'.encode("ascii")
    for name, of_member, value in codec.shown(recording):
        yield f',\n"{name}": '.encode("ascii")
        yield from _value(of_member, value)
    yield b"\n}\n"


def _value(codec: Codec, value: Any) -> Iterator[bytes]:
    """A value, opened down to its first list or mapping."""
    match codec:
        case UnionCodec() if value is not None:
            tag, chosen = codec.chosen(value)
            yield b"" if tag is None else b'{"%b": ' % tag.encode("ascii")
            yield from _value(chosen, value)
            yield b"" if tag is None else b"}"
        case KnownCodec():
            yield from _value(codec.value, value.value)
        case RecordCodec():
            yield b"{"
            before = b"\n"
            for name, of_member, one in codec.shown(value):
                yield before + f'"{name}": '.encode("ascii")
                yield from _value(of_member, one)
                before = b",\n"
            yield b"}"
        case ListCodec():
            items = (yield from sort(value)) if codec.is_set else value
            yield from _rows((_text(codec.item.encode(one)) for one in items), b"[]")
        case MappingCodec():
            rows = (
                f"{_text(codec.key.encode(key))}: {_text(codec.value.encode(one))}"
                for key, one in value.items()
            )
            yield from _rows(rows, b"{}")
        case _:
            yield _text(codec.encode(value)).encode("ascii")


def _rows(rows: Iterable[str], brackets: bytes) -> Iterator[bytes]:
    several = slices(rows, _ROWS)
    first = next(several, None)
    if first is None:
        yield brackets
        return
    before = brackets[:1] + b"\n"
    for some in chain([first], several):
        yield before + ",\n".join(some).encode("ascii")
        before = b",\n"
    yield b"\n" + brackets[1:]


def _text(plain: Any) -> str:
    return _ENCODER.encode(plain)
